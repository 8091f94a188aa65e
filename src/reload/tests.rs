//! What a reload changes, and what it leaves alone.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::policy::MatchPolicy;
use crate::snapshot::{SuppressionScope, SuppressionSettings};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn list(folder: &Path, id: &str) -> ListPlan {
    let settings = ListSettings {
        id: id.to_owned(),
        agency: None,
        category: None,
        priority: 3,
        policy: MatchPolicy::default(),
        alert_topic: Arc::from("alerts"),
        shared: false,
        suppression: SuppressionSettings {
            window: jiff::SignedDuration::from_mins(5),
            scope: SuppressionScope::Camera,
        },
    };
    ListPlan {
        settings: Arc::new(settings),
        path: folder.join(id),
        load: LoadSettings::default(),
        force: false,
    }
}

fn plan(folder: &TempDir, ids: &[&str]) -> Plan {
    Plan { lists: ids.iter().map(|id| list(folder.path(), id)).collect(), rules: Rules::default() }
}

fn write(folder: &TempDir, id: &str, text: &str) {
    fs::write(folder.path().join(id), text).unwrap();
}

/// Two lists, `stolen` of one entry and `amber` of two, loaded at second 100.
fn started() -> (TempDir, Reloader, Metrics) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "stolen", "plate\nABC123\n");
    write(&folder, "amber", "plate\nXYZ789\nKLM456\n");
    let metrics = Metrics::new();
    let reloader = Reloader::start(plan(&folder, &["stolen", "amber"]), metrics.clone(), at(100)).unwrap();
    (folder, reloader, metrics)
}

/// Name, entries and load time of each list that reads are matched against now.
fn in_force(reloader: &Reloader) -> Vec<(String, usize, i64)> {
    let snapshot = reloader.snapshots().borrow().clone();
    let facts = snapshot
        .lists()
        .iter()
        .map(|list| (list.settings.id.clone(), list.hotlist.len(), list.loaded_at.as_second()));
    facts.collect()
}

fn expected(lists: &[(&str, usize, i64)]) -> Vec<(String, usize, i64)> {
    lists.iter().map(|(id, entries, at)| ((*id).to_owned(), *entries, *at)).collect()
}

#[test]
fn reload_swaps_to_the_new_version_of_a_list() {
    let (folder, mut reloader, _) = started();
    let mut snapshots = reloader.snapshots();
    snapshots.mark_unchanged();
    write(&folder, "stolen", "plate\nABC123\nDEF456\nGHI789\n");
    reloader.reload(Ok(plan(&folder, &["stolen", "amber"])), at(200)).unwrap();
    assert!(snapshots.has_changed().unwrap());
    assert_eq!(in_force(&reloader), expected(&[("stolen", 3, 200), ("amber", 2, 100)]));
}

#[test]
fn failed_list_keeps_its_last_good_version_while_the_others_swap() {
    let (folder, mut reloader, metrics) = started();
    write(&folder, "stolen", "no header here\n");
    write(&folder, "amber", "plate\nXYZ789\n");
    let error = reloader.reload(Ok(plan(&folder, &["stolen", "amber"])), at(200)).unwrap_err();
    assert_eq!(in_force(&reloader), expected(&[("stolen", 1, 100), ("amber", 1, 200)]));
    let text = error.to_string();
    assert!(
        text.starts_with("1 list could not be loaded; all others were reloaded\nlist stolen: "),
        "{text}"
    );
    assert!(text.contains("no header names a plate column") && text.ends_with("stays in force"), "{text}");
    let metrics = metrics.render();
    for series in [
        "hotplate_config_last_reload_successful 0",
        "hotplate_list_last_reload_successful{list=\"stolen\"} 0",
        "hotplate_list_last_reload_successful{list=\"amber\"} 1",
        "hotplate_list_entries{list=\"amber\"} 1",
    ] {
        assert!(metrics.contains(series), "{series}\n{metrics}");
    }
}

#[test]
fn invalid_config_changes_nothing() {
    let (_folder, mut reloader, metrics) = started();
    let before = Arc::clone(&reloader.snapshots().borrow());
    let error = reloader.reload(Err("hotplate.toml:3:1: nam: unknown key".to_owned()), at(200)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing was reloaded: the config cannot be used\nhotplate.toml:3:1: nam: unknown key"
    );
    assert!(Arc::ptr_eq(&before, &reloader.snapshots().borrow()));
    assert!(metrics.render().contains("hotplate_config_last_reload_successful 0"));
}

#[test]
fn list_that_fails_at_the_first_start_stops_the_start_and_all_of_them_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "stolen", "plate\nABC123\n");
    write(&folder, "amber", "");
    let plan = plan(&folder, &["stolen", "amber", "gone"]);
    let error = Reloader::start(plan, Metrics::new(), at(100)).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], "2 lists could not be loaded");
    assert!(lines[1].starts_with("list amber: "), "{error}");
    assert!(lines[2].starts_with("list gone: ") && lines[2].contains("No such file"), "{error}");
}

#[test]
fn new_list_that_fails_is_named_as_having_no_version() {
    let (folder, mut reloader, _) = started();
    let error = reloader.reload(Ok(plan(&folder, &["stolen", "gone"])), at(200)).unwrap_err().to_string();
    assert!(error.ends_with("it has no version in force"), "{error}");
    assert_eq!(in_force(&reloader), expected(&[("stolen", 1, 100)]));
}

#[test]
fn list_that_the_config_names_no_more_is_gone() {
    let (folder, mut reloader, metrics) = started();
    reloader.reload(Ok(plan(&folder, &["amber"])), at(200)).unwrap();
    assert_eq!(in_force(&reloader), expected(&[("amber", 2, 100)]));
    assert!(!metrics.render().contains("hotplate_list_entries{list=\"stolen\"}"));
}

#[test]
fn unchanged_file_shares_its_entries_and_changed_settings_apply_to_it() {
    let (folder, mut reloader, _) = started();
    let before = Arc::clone(&reloader.snapshots().borrow().lists()[0].hotlist);
    let mut plan = plan(&folder, &["stolen", "amber"]);
    let settings = ListSettings { priority: 1, ..ListSettings::clone(&plan.lists[0].settings) };
    plan.lists[0].settings = Arc::new(settings);
    reloader.reload(Ok(plan), at(200)).unwrap();
    let snapshot = reloader.snapshots().borrow().clone();
    assert!(Arc::ptr_eq(&before, &snapshot.lists()[0].hotlist));
    assert_eq!(snapshot.lists()[0].settings.priority, 1);
}

#[test]
fn file_that_is_to_be_read_otherwise_is_read_anew() {
    let (folder, mut reloader, _) = started();
    let before = Arc::clone(&reloader.snapshots().borrow().lists()[0].hotlist);
    let mut plan = plan(&folder, &["stolen", "amber"]);
    plan.lists[0].load.extra = crate::hotlist::Extra::Drop;
    reloader.reload(Ok(plan), at(200)).unwrap();
    assert!(!Arc::ptr_eq(&before, &reloader.snapshots().borrow().lists()[0].hotlist));
}

#[test]
fn replaced_snapshot_is_kept_until_the_last_worker_lets_go_and_is_freed_here() {
    let (folder, mut reloader, _) = started();
    let pinned = Arc::clone(&reloader.snapshots().borrow());
    let seen = Arc::downgrade(&pinned);
    write(&folder, "stolen", "plate\nDEF456\n");
    reloader.reload(Ok(plan(&folder, &["stolen", "amber"])), at(200)).unwrap();
    reloader.collect();
    assert_eq!(pinned.lists()[0].hotlist.len(), 1);
    drop(pinned);
    assert!(seen.upgrade().is_some(), "a worker must not be the one to free it");
    reloader.collect();
    assert!(seen.upgrade().is_none());
}

#[test]
fn filter_of_a_new_snapshot_waits_for_the_memory_of_the_old_one_but_not_for_ever() {
    let (folder, mut reloader, _) = started();
    let is_filtered = |reloader: &Reloader| reloader.snapshots().borrow().index().is_filtered();
    assert!(is_filtered(&reloader), "nothing is to be replaced at the start");
    let pinned = Arc::clone(&reloader.snapshots().borrow());
    write(&folder, "stolen", "plate\nDEF456\n");
    reloader.reload(Ok(plan(&folder, &["stolen", "amber"])), at(200)).unwrap();
    assert!(!is_filtered(&reloader));
    reloader.collect();
    assert!(is_filtered(&reloader), "reads are not to be slow for as long as one worker is");
    drop(pinned);
    write(&folder, "stolen", "plate\nGHI789\n");
    reloader.reload(Ok(plan(&folder, &["stolen", "amber"])), at(300)).unwrap();
    assert!(is_filtered(&reloader), "nobody held the old one");
}

#[tokio::test]
async fn reloads_run_one_after_the_other() {
    let (folder, reloader, _) = started();
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let planner: Planner = {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        let plan = plan(&folder, &["stolen", "amber"]);
        Box::new(move || {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            std::thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(plan.clone())
        })
    };
    let reloads = Reloads::new(reloader, planner);
    let all = (0..8).map(|_| {
        tokio::spawn({
            let reloads = reloads.clone();
            async move { reloads.reload().await }
        })
    });
    for task in all.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn reload_goes_on_when_its_caller_goes_away() {
    let (folder, reloader, _) = started();
    let mut snapshots = reloader.snapshots();
    snapshots.mark_unchanged();
    write(&folder, "stolen", "plate\nDEF456\nGHI789\n");
    let (begun, mut has_begun) = tokio::sync::mpsc::channel(1);
    let plan = plan(&folder, &["stolen", "amber"]);
    let planner: Planner = Box::new(move || {
        begun.blocking_send(()).unwrap();
        Ok(plan.clone())
    });
    let reloads = Reloads::new(reloader, planner);
    let caller = tokio::spawn(async move { drop(reloads.reload().await) });
    has_begun.recv().await.unwrap();
    caller.abort();
    snapshots.changed().await.unwrap();
    assert_eq!(snapshots.borrow().lists()[0].hotlist.len(), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn reload_stands_behind_the_reads_and_its_caller_does_not() {
    let priority = || rustix::process::getpriority_process(None).unwrap();
    let before = priority();
    let (inside, child) = behind_the_reads(|| (priority(), std::thread::spawn(priority).join().unwrap()));
    let expected = (before + NICER).min(19);
    assert_eq!((inside, child), (expected, expected));
    assert_eq!(priority(), before);
}
