//! Lists that handlers may change, and that cost nothing to keep.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A list in a payload. It is used like a [`Vec`], which it is on the inside.
///
/// The host keeps a copy of a payload in case a handler fails half-way. Of a list it keeps a pointer: the elements are
/// copied when somebody first changes them, so a handler that only looks at them pays nothing for the copy.
///
/// ```
/// use pagoda_plugin_sdk::payload::List;
/// let mut names: List<String> = vec!["rack".to_owned()].into();
/// let kept = names.clone();
/// names.push("room".to_owned());
/// assert_eq!((kept.len(), names.len()), (1, 2));
/// ```
pub struct List<T>(Arc<Vec<T>>);

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn clone_from(&mut self, source: &Self) {
        self.0.clone_from(&source.0);
    }
}

impl<T: Clone> List<T> {
    /// The elements; copied only where another copy of the list is still in use.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Clone> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        Arc::make_mut(&mut self.0)
    }
}

/// Two lists with the same elements are equal; that two are one and the same is seen without looking at them.
impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl<T: PartialEq> PartialEq<Vec<T>> for List<T> {
    fn eq(&self, other: &Vec<T>) -> bool {
        *self.0 == *other
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(elements: Vec<T>) -> Self {
        Self(Arc::new(elements))
    }
}

impl<T: Clone> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.into_vec()
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Vec::from_iter(elements).into()
    }
}

impl<T: Clone> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        (**self).extend(elements);
    }
}

impl<T: Clone> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, T: Clone> IntoIterator for &'a mut List<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        (**self).iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::List;

    /// Tells how often it was copied.
    #[derive(Debug, PartialEq)]
    struct Counted(u32);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            Self(self.0 + 1)
        }
    }

    #[test]
    fn a_copy_costs_nothing_until_one_of_them_changes() {
        let mut list = List::from(vec![Counted(0)]);
        let kept = list.clone();
        assert_eq!(kept[0], Counted(0));
        list.push(Counted(7));
        assert_eq!((&kept[..], &list[..]), (&[Counted(0)][..], &[Counted(1), Counted(7)][..]));
        // Nobody else has the list now.
        list.push(Counted(8));
        assert_eq!(list.into_vec(), [Counted(1), Counted(7), Counted(8)]);
        assert_eq!(kept.into_vec(), [Counted(0)]);
    }

    #[test]
    fn it_is_used_like_a_vector() {
        let mut list: List<i32> = (1..=3).collect();
        for element in &mut list {
            *element *= 10;
        }
        list.retain(|element| *element != 20);
        list.extend([5]);
        assert_eq!(list, vec![10, 30, 5]);
        assert_eq!(list, List::from(vec![10, 30, 5]));
        assert_ne!(list, List::default());
        assert_eq!((&list).into_iter().sum::<i32>(), 45);
        assert_eq!(list.into_iter().max(), Some(30));
    }
}
