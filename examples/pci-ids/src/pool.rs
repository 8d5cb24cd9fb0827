//! A few threads that work through a list.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Works on every item with up to `jobs` threads and hands the results over one by one, in any order.
///
/// `done` runs on the calling thread. Once `stop` is set no further item is begun; those begun are finished.
pub(crate) fn run<'a, T: Sync, R: Send>(
    jobs: usize,
    items: &'a [T],
    stop: &AtomicBool,
    work: impl Fn(&'a T) -> R + Sync,
    mut done: impl FnMut(&'a T, R),
) {
    let next = AtomicUsize::new(0);
    let (results, arrivals) = mpsc::sync_channel(jobs);
    thread::scope(|scope| {
        for _ in 0..jobs.min(items.len()) {
            let results = results.clone();
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    if results.send((item, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        for (item, result) in arrivals {
            done(item, result);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once() {
        let items: Vec<u32> = (0..100).collect();
        for jobs in [1, 3, 200] {
            let mut results = Vec::new();
            run(
                jobs,
                &items,
                &AtomicBool::new(false),
                |item| item * 2,
                |item, result| {
                    results.push((*item, result));
                },
            );
            results.sort_unstable();
            assert_eq!(results, items.iter().map(|item| (*item, item * 2)).collect::<Vec<_>>());
        }
        run(4, &[], &AtomicBool::new(false), |(): &()| (), |(), ()| panic!("there is nothing"));
    }

    #[test]
    fn nothing_new_is_begun_after_the_stop() {
        let items: Vec<u32> = (0..1000).collect();
        let (stop, mut count) = (AtomicBool::new(false), 0);
        run(
            2,
            &items,
            &stop,
            |_| (),
            |_, ()| {
                count += 1;
                stop.store(true, Ordering::Relaxed);
            },
        );
        assert!((1..=8).contains(&count), "{count}");
    }
}
