use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn accepts(text: &str) -> bool {
    let mut scan = Scan::new(text);
    scan.skip().and_then(|()| scan.end()).is_ok()
}

/// The same question to `serde_json`, which knows no limit of depth where it builds nothing.
fn serde_accepts(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn unescaped(json: &str) -> Option<String> {
    let mut scratch = String::from("left from before");
    Scan::new(json).quoted().ok()?.text(&mut scratch).map(str::to_owned)
}

#[test]
fn json_is_accepted() {
    for text in [
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "10.25",
        "1e5",
        "1E+5",
        "-1.5e-7",
        "1e999",
        r#""""#,
        r#""a\u00e9\"""#,
        "[]",
        "{}",
        " [ ] ",
        r#"[1 , {"a":[]}]"#,
        r#"{"a":1,"a":2}"#,
        "\t{\n\"a\"\r: null }",
        r#""\ud800""#,
        "\"é京\"",
        r#""0123456""#,
        r#""01234567""#,
        r#""0123456701234567\n""#,
    ] {
        assert!(accepts(text) && serde_accepts(text), "{text}");
    }
}

#[test]
fn what_only_looks_like_json_is_not_accepted() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "-",
        r#"""#,
        r#""a"#,
        r#""\x""#,
        r#""\u12""#,
        "\"\u{1}\"",
        "\"01234567\u{1f}\"",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        "{a:1}",
        "{1:1}",
        "[]]",
        "{}{}",
        "\u{feff}{}",
        r#"["a":1]"#,
        r#"{"a",1}"#,
        "\u{a0}1",
    ] {
        assert!(!accepts(text) && !serde_accepts(text), "{text}");
    }
}

#[test]
fn nesting_is_limited_whatever_nests() {
    for (open, close, levels) in [("[", "]", 1), (r#"{"a":"#, "}", 1), (r#"[{"a":"#, "}]", 2)] {
        let nested =
            |depth: usize| format!("{}0{}", open.repeat(depth / levels), close.repeat(depth / levels));
        assert!(accepts(&nested(126)), "{open}");
        assert_eq!(Scan::new(&nested(100_000)).skip(), Err(Stop::TooDeep), "{open}");
    }
    let empty = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(accepts(&empty(127)));
    assert_eq!(Scan::new(&empty(128)).skip(), Err(Stop::TooDeep));
}

#[test]
fn the_cursor_stands_where_the_syntax_breaks() {
    for (text, at) in
        [("[1,x]", 3), (r#"{"a" 1}"#, 5), (r#""ab"#, 3), ("[1", 2), ("{} x", 3), (r#""a\qb""#, 3), ("1.x", 2)]
    {
        let mut scan = Scan::new(text);
        assert!(scan.skip().and_then(|()| scan.end()).is_err());
        assert_eq!(scan.position(), at, "{text}");
    }
}

#[test]
fn escapes_are_undone_and_half_a_pair_is_no_text() {
    for json in [
        r#""""#,
        r#""a\"\\\/\b\f\n\r\tz""#,
        r#""\u0041\u00e9\uD83D\ude97京""#,
        r#""\ud800""#,
        r#""\ud800x""#,
        r#""\udc00""#,
        r#""\ud800\u0041""#,
        r#""\u0000""#,
    ] {
        assert_eq!(unescaped(json), serde_json::from_str(json).ok(), "{json}");
    }
}

#[test]
fn values_and_keys_come_out_as_they_lie() {
    let mut scan = Scan::new(r#" { "a\u0062" : [1, {"x": 2}] , "n" : -1.5e3 } "#);
    assert_eq!((scan.peek(), scan.open(b'}')), (b'{', Ok(true)));
    assert_eq!(scan.key().map(|key| key.name(&mut String::new()).to_owned()), Ok(b"ab".to_vec()));
    assert_eq!((scan.value(), scan.more(b'}')), (Ok(r#"[1, {"x": 2}]"#), Ok(true)));
    assert_eq!(scan.key().map(|key| key.name(&mut String::new()).to_owned()), Ok(b"n".to_vec()));
    assert_eq!((scan.number(), scan.more(b'}'), scan.end()), (Ok("-1.5e3"), Ok(false), Ok(())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_scan_accepts_what_serde_json_accepts(
        text in "[ \\[\\]{}\",:0-9eE.+\\-a\\\\untrlsf\u{1}é]{0,24}",
        wrapped in "[\\[\\]{}\",:01a \\\\u]{0,12}",
    ) {
        let all = [format!("{{\"a\":{wrapped}}}"), format!("[{wrapped}]"), format!("\"{wrapped}\""), text];
        for text in all {
            prop_assert_eq!(accepts(&text), serde_accepts(&text), "{}", text);
        }
    }

    #[test]
    fn strings_of_any_length_end_where_they_end(
        before in "[a-z京]{0,40}",
        special in "[\"\\\\\u{1}\u{1f}\u{7f}\u{80}]",
        after in "[a-z\"]{0,20}",
    ) {
        let text = format!("\"{before}{special}{after}\"");
        prop_assert_eq!(accepts(&text), serde_accepts(&text), "{}", text);
        if let Some(ours) = unescaped(&text) {
            let mut values = serde_json::Deserializer::from_str(&text).into_iter::<String>();
            prop_assert_eq!(Some(ours), values.next().and_then(Result::ok));
        }
    }
}
