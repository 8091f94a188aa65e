//! What a config comes to, and what is said of one that cannot be used.

mod said;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::kafka::Delivery;
use crate::read::Format;

/// The least that a file must say.
const LEAST: &str = "\
kafka.auto_offset_reset = \"latest\"
[[feeds]]
topic = \"reads\"
[[lists]]
id = \"stolen\"
path = \"stolen.csv\"
";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/hotplate/hotplate.toml"), text, std::iter::empty())
}

fn problems(text: &str) -> String {
    parse(text).unwrap_err().to_string().replace("/etc/hotplate/hotplate.toml:", "")
}

#[test]
fn shipped_config_is_the_one_that_the_program_prints() {
    let shipped =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/hotplate.toml")).unwrap();
    assert_eq!(shipped, example(), "run `hotplate config > config/hotplate.toml`");
}

#[test]
fn printed_config_says_the_defaults_and_nothing_else() {
    let printed: ConfigFile =
        Said::parse(Path::new("hotplate.toml"), &example(), std::iter::empty()).unwrap().read().unwrap().0;
    assert_eq!(printed, ConfigFile::example());
}

#[test]
fn every_section_and_key_is_in_the_printed_config() {
    fn check(path: &str, value: &toml::Value, text: &str) {
        match value {
            toml::Value::Table(table) => {
                assert!(path.is_empty() || text.contains(&format!("[{path}]")), "{path}");
                let below =
                    |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                table.iter().for_each(|(key, value)| check(&below(key), value, text));
            }
            toml::Value::Array(items) => items.iter().filter(|item| item.is_table()).for_each(|item| {
                check(path, item, text);
            }),
            _ => {}
        }
    }
    let text = example();
    check("", &toml::Value::try_from(ConfigFile::example()).unwrap(), &text);
    for commented in
        ["# instance = \"gate-1\"", "# delimiter = \";\"", "# second_evidence_below = \"probable\""]
    {
        assert!(text.contains(&format!("\n{commented}\n")), "{commented}");
    }
    assert!(!text.contains("\nmin_pattern_known = 3\nmax"), "what the policy says is not asked twice");
}

#[test]
fn least_config_comes_to_the_defaults() {
    let config = parse(LEAST).unwrap();
    let list = &config.plan.lists[0];
    assert_eq!(list.path, Path::new("/etc/hotplate/stolen.csv"));
    assert_eq!(&*list.settings.alert_topic, "hotplate.alerts");
    assert_eq!(list.settings.suppression.window, jiff::SignedDuration::from_mins(5));
    assert_eq!(config.read_topics(), ["reads"]);
    assert_eq!(config.output_topics(), ["hotplate.alerts", "hotplate.alerts.late", "hotplate.dead-letters"]);
    assert_eq!(config.pipeline.late_after, jiff::SignedDuration::from_hours(1));
    assert_eq!(config.shutdown_deadline, Duration::from_secs(30));
    assert_eq!(config.kafka.delivery, Delivery::AtLeastOnce);
}

#[test]
fn what_a_config_says_reaches_the_components() {
    let config = parse(
        r#"
        [kafka]
        auto_offset_reset = "earliest"
        instance = "gate-1"
        delivery = "exactly_once"
        [kafka.security]
        protocol = "ssl"
        ca_file = "ca.pem"
        [[feeds]]
        topic = "alpr"
        format = "openalpr"
        camera_id = "c1"
        [[lists]]
        id = "amber"
        path = "/lists/amber.csv.gz"
        alert_topic = "amber-alerts"
        shared = true
        load.extra = { only = ["unit"] }
        policy.min_pattern_known = 4
        suppression = { window = "90s", scope = "site" }
        "#,
    )
    .unwrap();
    assert_eq!(config.kafka.security.ca_file.as_deref(), Some(Path::new("/etc/hotplate/ca.pem")));
    let feed = &config.pipeline.feeds[0];
    assert_eq!((feed.format, feed.camera_id.as_deref()), (Format::Openalpr, Some("c1")));
    let list = &config.plan.lists[0];
    assert_eq!(list.path, Path::new("/lists/amber.csv.gz"));
    assert_eq!(list.load.min_pattern_known, 4);
    assert_eq!(list.load.extra, crate::hotlist::Extra::Only(vec!["unit".to_owned()]));
    assert!(list.settings.shared);
    assert_eq!(config.output_topics()[0], "amber-alerts");
}

#[test]
fn unknown_keys_are_told_together_with_what_does_not_fit() {
    let text = LEAST.replace("path =", "agancy = \"x\"\npath =")
        + "[kafka.fetch]\nqueue_byts = 1\n[logging]\nlevel = \"loud\"";
    let told = problems(&text);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert_eq!(lines[0], "9:1: kafka.fetch.queue_byts: unknown key; did you mean \"queue_bytes\"?");
    assert_eq!(lines[1], "6:1: lists[0].agancy: unknown key; did you mean \"agency\"?");
    assert!(lines[2].starts_with("11:1: logging.level: "), "{told}");
}

#[test]
fn nothing_said_is_told_as_all_that_is_missing() {
    assert_eq!(
        problems(""),
        " kafka.auto_offset_reset: must be said: \"earliest\", \"latest\" or \"error\"\n \
         feeds: at least one feed is needed\n \
         lists: at least one list is needed"
    );
}

#[test]
fn problems_across_sections_are_told_with_place_and_key() {
    let table: [(&str, &str); 13] = [
        (
            "[logging]\nlevel = \"loud\"",
            "8:1: logging.level: not a log level: \"loud\"; use error, warn, info, debug or trace, or for example \"info,rdkafka=debug\"",
        ),
        (
            "[shutdown]\ndeadline = \"25s\"",
            "8:1: shutdown.deadline: must be longer than worker.drain_timeout",
        ),
        (
            "[alerts]\ntopic = \"reads\"",
            "8:1: alerts.topic: \"reads\" is the topic of feeds[0].topic as well",
        ),
        (
            "[alerts]\nlate_topic = \"hotplate.alerts\"",
            "8:1: alerts.late_topic: \"hotplate.alerts\" is the topic of alerts.topic as well",
        ),
        (
            "[worker.dead_letters]\ntopic = \"a b\"",
            "8:1: worker.dead_letters.topic: must be a topic name: 1 to 249 letters, digits, '.', '_' and '-'",
        ),
        (
            "[[feeds]]\ntopic = \"reads\"",
            "8:1: feeds[1].topic: \"reads\" is the topic of feeds[0].topic as well",
        ),
        ("[[lists]]\nid = \"stolen\"\npath = \"x\"", "8:1: lists[1].id: is the id of lists[0] as well"),
        (
            "[[lists]]\nid = \"a b\"\npath = \"x\"",
            "8:1: lists[1].id: must be made of 1 to 64 letters, digits, '.', '_' and '-'",
        ),
        (
            "policy.edits = 3",
            "7:8: lists[0].policy.edits: must be 1 or 2; to allow none leave \"edit\" out of kinds",
        ),
        ("policy = { possible = 0.95 }", "7:1: lists[0].policy.probable: must be from possible to confirmed"),
        (
            "policy.kinds = []",
            "7:8: lists[0].policy.kinds: must name at least one kind, or the list never alerts",
        ),
        (
            "[matching]\nequivalents = [\"0O\", \"OD\"]",
            "8:1: matching.equivalents: 'O' stands in more than one set",
        ),
        (
            "[matching]\nevidence = \"none.toml\"",
            "8:1: matching.evidence: /etc/hotplate/none.toml cannot be read: No such file or directory",
        ),
    ];
    for (more, expected) in table {
        let told = problems(&format!("{LEAST}{more}\n"));
        assert!(told.starts_with(expected), "{more}\n told: {told}\n expected: {expected}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn reader_types_without_a_table_are_warned_of_and_not_refused() {
    assert_eq!(parse(LEAST).unwrap().warnings, [""; 0]);
    let feed = "[[feeds]]\ntopic = \"more\"\nreader = \"neutrl\"\ncamera_readers = { gate = \"acme\", lot = \"rapidocr\" }\nsite_readers.north = \"open-alpr\"\n";
    let config = parse(&format!("{LEAST}{feed}")).unwrap();
    let expected = [
        (":9:1: feeds[1].reader: \"neutrl\" is not in the evidence table (", "; did you mean \"neutral\"?"),
        (":10:20: feeds[1].camera_readers.gate: \"acme\" is not ", " makes it one of its own"),
        (":11:14: feeds[1].site_readers.north: \"open-alpr\" is not ", "; did you mean \"openalpr\"?"),
    ];
    assert_eq!(config.warnings.len(), expected.len(), "{:#?}", config.warnings);
    for (warning, (start, end)) in config.warnings.iter().zip(expected) {
        let told = warning.strip_prefix("/etc/hotplate/hotplate.toml").unwrap();
        assert!(told.starts_with(start) && told.ends_with(end), "{warning}");
    }
    assert_eq!(
        config.pipeline.feeds[1].reader.as_deref(),
        Some("neutrl"),
        "alerts name the reader as it is called"
    );
}

#[test]
fn keys_that_need_a_restart_are_named_and_live_ones_are_not() {
    let old = parse(LEAST).unwrap();
    let live = "policy.edits = 2\n[[lists]]\nid = \"amber\"\npath = \"a\"\n[matching]\nequivalents = []\n[logging]\nlevel = \"debug\"\n";
    assert_eq!(old.fixed_changes(&parse(&format!("{LEAST}{live}")).unwrap()), [""; 0]);
    let fixed = LEAST.replace("latest", "earliest").replace("\"reads\"", "\"more\"")
        + "[kafka]\ngroup = \"other\"\ninstance = \"x\"\n[admin]\nlisten = \"127.0.0.1:1\"\n[logging]\nformat = \"json\"\n";
    let fixed = fixed
        .replace("kafka.auto_offset_reset = \"earliest\"\n", "")
        .replace("[kafka]", "[kafka]\nauto_offset_reset = \"earliest\"");
    assert_eq!(
        old.fixed_changes(&parse(&fixed).unwrap()),
        [
            "admin.listen",
            "feeds",
            "kafka.auto_offset_reset",
            "kafka.group",
            "kafka.instance",
            "logging.format"
        ]
    );
}

#[test]
fn what_may_be_secret_is_not_shown() {
    let secret = "[kafka.consumer_options]\n\"enable.ssl.certificate.verification\" = \"true\"\n\"x.secret.y\" = \"hunter2\"\n";
    let config = parse(&format!("{LEAST}{secret}")).unwrap();
    let shown = config.redacted();
    assert!(!shown.contains("hunter2") && shown.contains("\"x.secret.y\" = \"[redacted]\""), "{shown}");
    assert!(shown.contains("group = \"hotplate\""), "{shown}");
}

#[test]
fn what_a_camera_is_called_makes_no_secret_of_its_reader() {
    let text = LEAST.replace("[[feeds]]\n", "[[feeds]]\ncamera_readers = { token-gate = \"neutral\" }\n");
    let config = parse(&text).unwrap();
    assert!(config.redacted().contains("token-gate = \"neutral\""), "{}", config.redacted());
}
