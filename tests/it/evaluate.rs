//! `hotplate evaluate` as a command.

use std::fs;

use crate::command::run;

fn read(plate: &str, truth: &str) -> String {
    format!(
        r#"{{"plate":"{plate}","confidence":0.97,"captured_at":"2026-11-02T06:00:00Z","truth":{{"plate":"{truth}"}}}}"#
    )
}

#[test]
fn evaluate_fails_where_recall_is_below_what_is_required_and_says_by_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("list.csv"), "plate\nKLM2345\nBCD6789\n").unwrap();
    // Of four reads of listed vehicles one is too far off to be found.
    let reads =
        [("KLM2345", "KLM2345"), ("BCD6789", "BCD6789"), ("KLM2345", "KLM2345"), ("XXX1111", "BCD6789")];
    let others = (0..20).map(|n| (format!("QRS{n:04}"), format!("QRS{n:04}")));
    let listed = reads.map(|(plate, truth)| (plate.to_owned(), truth.to_owned())).into_iter();
    let lines: Vec<_> = listed.chain(others).map(|(plate, truth)| read(&plate, &truth)).collect();
    fs::write(path("reads.jsonl"), lines.join("\n")).unwrap();

    let (reads, list, json) = (path("reads.jsonl"), path("list.csv"), path("figures.json"));
    let asked = ["evaluate", "--reads", &reads, "--hotlist", &list, "--folds", "0", "--json", &json];
    for (required, code) in [("5:75", 0), ("20:75", 0), ("5:75.1", 1), ("20:100", 1)] {
        let output = run(&[&asked[..], &["--require", required]].concat(), b"");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{required}: {told}");
        assert_eq!(told.contains("is 75.00 % (3/4), and"), code == 1, "{required}: {told}");
        // What was asked for besides is there, whatever the figures.
        fs::remove_file(&json).unwrap();
    }
}
