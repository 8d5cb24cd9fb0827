//! Users, tokens and sessions.

use super::{Bed, new_user};
use crate::store::queries::{session, user};
use crate::store::rows::{NewUser, SessionRow};
use crate::store::{StoreError, constraint};

on_both! {
    fn a_user_is_found_by_its_keys(bed) {
        let db = &mut bed.writer();
        let ann = new_user(db, "ann");
        assert_eq!(user::by_id(db, ann.id).unwrap(), Some(ann.clone()));
        assert_eq!(user::active_by_username(db, "ann").unwrap(), Some(ann.clone()));
        assert_eq!(user::active_by_username(db, "Ann").unwrap(), None);
        let error = user::insert(db, &NewUser { username: "ann".to_owned(), ..NewUser::default() }).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { constraint } if constraint == constraint::APP_USER_USERNAME));
        let co = NewUser { username: "co".to_owned(), is_active: true, parent_user_id: Some(ann.id), ..NewUser::default() };
        let co = user::insert(db, &co).unwrap();
        assert_eq!(user::active_co_users(db, ann.id).unwrap(), std::slice::from_ref(&co));
        user::set_password_hash(db, ann.id, Some("hash")).unwrap();
        user::set_last_login(db, ann.id, 7).unwrap();
        let ann = user::by_id(db, ann.id).unwrap().unwrap();
        assert_eq!((ann.password_hash.as_deref(), ann.last_login), (Some("hash"), Some(7)));
        assert!(matches!(user::set_last_login(db, 12345, 7), Err(StoreError::NotFound)));
        let names = user::usernames(db, &[ann.id, co.id, 12345]).unwrap();
        assert_eq!((names.len(), names[&co.id].as_str()), (2, "co"));
        assert!(user::usernames(db, &[]).unwrap().is_empty());
        assert_eq!(user::count(db).unwrap(), 2);
    }

    fn a_user_has_one_token(bed) {
        let db = &mut bed.writer();
        let (ann, bob) = (new_user(db, "ann"), new_user(db, "bob"));
        user::replace_token(db, ann.id, "k1", 1).unwrap();
        let token = user::replace_token(db, ann.id, "k2", 2).unwrap();
        assert_eq!(user::with_token(db, "k1").unwrap(), None);
        assert_eq!(user::with_token(db, "k2").unwrap(), Some((ann.clone(), token.clone())));
        assert_eq!(user::token_of(db, ann.id).unwrap(), Some(token));
        let error = user::replace_token(db, bob.id, "k2", 3).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { constraint } if constraint == constraint::API_TOKEN_KEY));
        assert!(user::delete_token(db, ann.id).unwrap() && !user::delete_token(db, ann.id).unwrap());
        let error = user::replace_token(db, 12345, "k3", 3).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    }

    fn sessions_end(bed) {
        let db = &mut bed.writer();
        let ann = new_user(db, "ann");
        let row = |hash: &str, expires| SessionRow { id_hash: hash.to_owned(), user_id: ann.id, created: 1, expires };
        for (hash, expires) in [("a", 10), ("b", 20), ("c", 30), ("d", 40)] {
            session::insert(db, &row(hash, expires)).unwrap();
        }
        assert_eq!(session::with_user(db, "a").unwrap(), Some((row("a", 10), ann.clone())));
        assert_eq!(session::delete_expired(db, 20).unwrap(), 2);
        assert_eq!(session::with_user(db, "b").unwrap(), None);
        assert!(session::delete(db, "c").unwrap() && !session::delete(db, "c").unwrap());
        assert_eq!(session::delete_of_user(db, ann.id).unwrap(), 1);
    }
}
