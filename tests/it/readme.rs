//! What the README tells a newcomer to type.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shell blocks of the README, each with the comment before it.
fn blocks() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    text.split("```sh\n")
        .collect::<Vec<_>>()
        .windows(2)
        .map(|pair| {
            let marker = pair[0].trim_end().lines().last().unwrap_or_default().to_owned();
            (marker, pair[1].split("```").next().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn every_command_of_the_readme_says_who_runs_it() {
    let blocks = blocks();
    assert!(blocks.len() >= 5, "{blocks:?}");
    for (marker, block) in blocks {
        let known = ["<!-- run by tests -->", "<!-- run by tests/it/demo.rs -->", "<!-- run by CI -->"];
        assert!(known.contains(&&*marker), "{marker}: {block}");
    }
}

#[test]
fn commands_of_the_readme_do_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let hotplate = Path::new(env!("CARGO_BIN_EXE_hotplate"));
    let path = format!("{}:{}", hotplate.parent().unwrap().display(), std::env::var("PATH").unwrap());
    for (marker, block) in blocks() {
        if marker != "<!-- run by tests -->" {
            continue;
        }
        let block = block.replace("CONFIG", &root().join("config/hotplate.toml").display().to_string());
        let run = Command::new("sh")
            .args(["-e", "-c", &block])
            .current_dir(&folder)
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(run.status.success(), "{block}\n{}", String::from_utf8_lossy(&run.stderr));
    }
    let alerts: Vec<serde_json::Value> = fs::read_to_string(folder.path().join("alerts.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let matched = |nth: usize| &alerts[nth]["hits"][0]["match"];
    assert_eq!(alerts.len(), 3);
    assert_eq!((&matched(0)["kind"], &matched(0)["grade"]), (&"candidate".into(), &"confirmed".into()));
    assert_eq!((&matched(1)["kind"], &matched(1)["grade"]), (&"exact".into(), &"possible".into()));
    assert_eq!(matched(1)["conflicts"].as_array().unwrap().len(), 3);
    assert_eq!((&matched(2)["kind"], &matched(2)["grade"]), (&"pattern".into(), &"probable".into()));
}

#[test]
fn columns_of_the_readme_are_the_fields_of_an_entry_and_its_links_lead_somewhere() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let table = text.split("| column | |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut named: Vec<String> = Vec::new();
    for row in table.lines().filter(|row| row.starts_with("| `")) {
        let columns = row.split('|').nth(1).unwrap();
        for column in columns.split('`').skip(1).step_by(2) {
            // `_model` is short for what the row began with.
            named.push(if column.starts_with('_') { format!("vehicle{column}") } else { column.to_owned() });
        }
    }
    let mut fields = hotplate::hotlist::Field::ALL.map(|field| field.name().to_owned());
    named.sort();
    fields.sort();
    assert_eq!(named, fields);
    for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        match link.strip_prefix('#') {
            Some(part) => {
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let mut anchors =
                    headings.map(|line| line.trim_matches(['#', ' ']).to_lowercase().replace(' ', "-"));
                assert!(anchors.any(|anchor| anchor == part), "{link}");
            }
            None => assert!(root().join(link).try_exists().unwrap(), "{link}"),
        }
    }
}
