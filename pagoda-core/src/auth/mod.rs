//! Who is asking: passwords, keys, and the cache of recently seen tokens.

pub mod password;
pub mod recent;
pub mod secret;
