use std::collections::BTreeMap;

use proptest::prelude::*;

use super::schema::{Fields, Kind};
use super::*;
use crate::limits;

const ADDRESS: Fields = &[("Address", Kind::Text), ("Port", Kind::Number)];
const CHECK: Fields = &[("CheckID", Kind::Text), ("Status", Kind::Text), ("ServiceTags", Kind::Texts)];
const ROW: Fields = &[
    ("Name", Kind::Text),
    ("Port", Kind::Number),
    ("On", Kind::Flag),
    ("Tags", Kind::Texts),
    ("Meta", Kind::Map(&Kind::Text)),
    ("Tagged", Kind::Map(&Kind::Record(ADDRESS))),
    ("W", Kind::Record(&[("Passing", Kind::Number), ("Warning", Kind::Number)])),
    ("Checks", Kind::Records(CHECK)),
];

/// A row of three; what it has not is absent.
struct Row {
    name: &'static str,
    port: i64,
    on: bool,
    tags: &'static [&'static str],
    meta: Texts,
    tagged: Addresses,
    weights: (i64, i64),
    checks: Vec<Check>,
}

struct Texts(BTreeMap<&'static str, &'static str>);
struct Addresses(BTreeMap<&'static str, Address>);
struct Address(&'static str, i64);
struct Check(&'static str, &'static str, &'static [&'static str]);

impl Keyed for Texts {
    fn value(&self, key: &str) -> Option<Value<'_>> {
        self.0.get(key).map(|text| Value::Text(text))
    }

    fn has_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl Keyed for Addresses {
    fn value(&self, key: &str) -> Option<Value<'_>> {
        self.0.get(key).map(|address| Value::Record(address))
    }

    fn has_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl Record for Address {
    fn field(&self, name: &str) -> Value<'_> {
        if name == "Port" { Value::Number(self.1) } else { Value::Text(self.0) }
    }
}

impl Record for Check {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "CheckID" => Value::Text(self.0),
            "Status" => Value::Text(self.1),
            _ => Value::texts(self.2),
        }
    }
}

impl Record for (i64, i64) {
    fn field(&self, name: &str) -> Value<'_> {
        Value::Number(if name == "Passing" { self.0 } else { self.1 })
    }
}

impl Record for Row {
    fn field(&self, name: &str) -> Value<'_> {
        match name {
            "Name" => Value::Text(self.name),
            "Port" => Value::Number(self.port),
            "On" => Value::Flag(self.on),
            "Tags" => Value::texts(self.tags),
            "Meta" => Value::Map(&self.meta),
            "Tagged" => Value::Map(&self.tagged),
            "W" => Value::Record(&self.weights),
            "Checks" => Value::records(&self.checks),
            _ => Value::Absent,
        }
    }
}

fn rows() -> [Row; 3] {
    let web = Row {
        name: "web",
        port: 80,
        on: true,
        tags: &["v1", "a b", "x\"y"],
        meta: Texts([("a", "1"), ("a b", "2")].into()),
        tagged: Addresses([("lan", Address("10.0.0.1", 80))].into()),
        weights: (1, 2),
        checks: vec![Check("c1", "passing", &["t"]), Check("c2", "critical", &[])],
    };
    let db = Row {
        name: "db",
        port: 0,
        on: false,
        tags: &[],
        meta: Texts(BTreeMap::new()),
        tagged: Addresses(BTreeMap::new()),
        weights: (0, 0),
        checks: vec![],
    };
    let other = Row {
        name: "Wéb-2",
        port: -5,
        on: false,
        tags: &[""],
        meta: Texts([("", ""), ("a", "")].into()),
        tagged: Addresses([("wan", Address("", 0))].into()),
        weights: (10, 0),
        checks: vec![Check("", "", &[])],
    };
    [web, db, other]
}

/// Which of the three rows a filter lets through, as `101`, or why there is none.
fn judged(expression: &str) -> String {
    match Filter::compile(expression, ROW) {
        Ok(filter) => rows().iter().map(|row| if filter.fits(row) { '1' } else { '0' }).collect(),
        Err(error) => error.to_string().replace("Failed to create boolean expression evaluator: ", ""),
    }
}

/// What Consul's own library says of the same three rows.
#[test]
fn expressions_are_judged_as_consul_does() {
    let table = [
        ("Name == web", "100"),
        ("Name != web", "011"),
        ("Port == 0x50", r#"1:10 (9): rule "number": Invalid number literal"#),
        (r#"Port == "-5""#, "001"),
        ("On == T", "100"),
        ("v1 in Tags", "100"),
        (r#"Tags contains "a b""#, "100"),
        (r#""" in Tags"#, "001"),
        ("Tags not contains v1", "011"),
        ("eb in Name", "100"),
        ("Name contains b", "111"),
        ("a in Meta", "101"),
        (r#""a b" not in Meta"#, "011"),
        ("Meta.a == 1", "100"),
        (r#"Meta["a b"] == 2"#, "100"),
        ("Meta.a != 1", "011"),
        ("Meta.x not matches 1", "111"),
        (r#"Meta[""] == """#, "001"),
        ("Meta is empty", "010"),
        ("Tags is not empty", "101"),
        ("Checks is empty", "010"),
        ("Checks.Status == passing", "100"),
        ("Checks.Status != passing", "101"),
        ("not Checks.Status == passing", "011"),
        ("t in Checks.ServiceTags", "100"),
        ("t not in Checks.ServiceTags", "101"),
        ("Tagged.lan.Port == 80", "100"),
        ("Tagged.wan.Port == 0", "001"),
        ("Tagged.lan is empty", r#"Invalid match operator "Is Empty" for selector "Tagged.lan""#),
        ("lan in Tagged", "100"),
        ("W.Passing == 10", "001"),
        ("Name == web or Port == 0 and On == true", "100"),
        ("(Name == web or Port == 0) and On == true", "100"),
        ("not Name == web and Port == 0", "010"),
        ("not not Name == web", "100"),
        ("not(Name == web)", r#"1:4 (3): no match found, expected: "!=", ".", "==", "[", [ \t\r\n] or [a-zA-Z0-9_]"#),
        ("Name==`web`and Port==80", r#"1:12 (11): no match found, expected: [ \t\r\n] or EOF"#),
        (r#"Name matches `^W\wb`"#, "000"),
        (r#"Name matches `^W.b-\d$`"#, "001"),
        ("Name matches `(?i)^WÉB`", "001"),
        (
            "Name matches `a**`",
            r#"Failed to compile regular expression "a**": error parsing regexp: invalid nested repetition operator: `**`"#,
        ),
        (
            "Name matches `[z-a]`",
            r#"Failed to compile regular expression "[z-a]": error parsing regexp: invalid character class range: `z-a`"#,
        ),
        (
            "Name matches `(?=a)`",
            r#"Failed to compile regular expression "(?=a)": error parsing regexp: invalid or unsupported Perl syntax: `(?=`"#,
        ),
    ];
    for (expression, verdict) in table {
        assert_eq!(judged(expression), verdict, "{expression}");
    }
    assert_eq!(judged(""), "111");
}

/// Place, rule and what could have stood there are those of Consul's own library.
#[test]
fn expressions_are_refused_in_consul_s_words() {
    let table = [
        ("name == web", r#"Selector "name" is not valid"#),
        ("Name.x == 1", r#"Selector "Name.x" is not valid"#),
        ("Checks.Bogus is empty", r#"Selector "Checks.Bogus" is not valid"#),
        ("Name is empty", r#"Invalid match operator "Is Empty" for selector "Name""#),
        ("Port matches 8", r#"Invalid match operator "Matches" for selector "Port""#),
        ("W == 1", r#"Invalid match operator "Equal" for selector "W""#),
        (
            "Port == web",
            r#"Failed to coerce value "web" for selector "Port": strconv.ParseInt: parsing "web": invalid syntax"#,
        ),
        (
            "Port == 99999999999999999999",
            r#"Failed to coerce value "99999999999999999999" for selector "Port": strconv.ParseInt: parsing "99999999999999999999": value out of range"#,
        ),
        (
            "On == maybe",
            r#"Failed to coerce value "maybe" for selector "On": strconv.ParseBool: parsing "maybe": invalid syntax"#,
        ),
        ("Name is nil", r#"1:9 (8): no match found, expected: "empty", "not" or [ \t\r\n]"#),
        (
            "Name = web",
            r#"1:6 (5): no match found, expected: "!=", "==", "contains", "in", "is", "matches", "not" or [ \t\r\n]"#,
        ),
        ("Name == web AND Port == 80", r#"1:13 (12): no match found, expected: "and", "or", [ \t\r\n] or EOF"#),
        (r#"Name == "a\qb""#, r#"1:9 (8): rule "string": invalid syntax"#),
        (r#"Name == "web"#, r#"1:13 (12): rule "string": Unterminated string literal"#),
        ("Name == 3x", r#"1:10 (9): rule "number": Invalid number literal"#),
        ("Name[3] == 1", r#"1:6 (5): rule "index": Invalid index"#),
        (r#"1 in Meta["a""#, r#"1:14 (13): rule "index": Unclosed index expression"#),
        ("1 in 2", r#"1:6 (5): rule "match": Invalid selector"#),
        ("32 == 32", r#"1:4 (3): no match found, expected: "in", "not" or [ \t\r\n]"#),
        ("(Name == web", r#"1:13 (12): rule "grouping": Unmatched parentheses"#),
        ("x in Tags abc", r#"1:11 (10): no match found, expected: "and", "or", [ \t\r\n] or EOF"#),
        (
            "x in Tags and ",
            r#"1:15 (14): no match found, expected: "(", "-", "0", "\"", "`", "not", [ \t\r\n], [1-9] or [a-zA-Z]"#,
        ),
        (
            "x in Tags or not ",
            r#"1:18 (17): no match found, expected: "!=", "(", "-", "0", "==", "\"", "`", "contains", "in", "is", "matches", "not", [ \t\r\n], [1-9] or [a-zA-Z]"#,
        ),
        (r#""/Meta/a" == 1"#, r#"1:11 (10): no match found, expected: "in", "not" or [ \t\r\n]"#),
        (
            "é == 1",
            r#"1:1 (0): no match found, expected: "(", "-", "0", "\"", "`", "not", [ \t\r\n], [1-9] or [a-zA-Z]"#,
        ),
    ];
    for (expression, said) in table {
        assert_eq!(judged(expression), said, "{expression}");
    }
}

#[test]
fn a_missing_key_matches_nothing() {
    assert_eq!(judged("Meta.a matches `^1?$`"), "101");
    assert_eq!(judged("Meta.a not matches `^1?$`"), "010");
}

#[test]
fn patterns_are_those_of_re2() {
    let rows = [
        (r"^\d+$", "42", true),
        (r"^\d$", "٣", false),
        (r"^\w+$", "é", false),
        (r"a\b", "aé", true),
        (r"^\Q.*\E$", ".*", true),
        ("^[a&&b]+$", "a&b", true),
        ("^[[a-c]$", "[", true),
        ("^e{,2}$", "e{,2}", true),
        ("^e{$", "e{", true),
        ("^(?P<name>a|b)+?$", "abba", true),
        (r"^[^\W\d]+$", "abc", true),
        (r"^\<$", "<", true),
        (r"^\pL$", "é", true),
        ("^(?i:STRASSE)$", "strasse", true),
        ("^.$", "\n", false),
        ("^[]-]+$", "-]", true),
        (r"\B", "Wéb", false),
        (r"é\B", "éé", true),
        ("^[+--]+$", ",", true),
    ];
    for (pattern, text, fits) in rows {
        let compiled = pattern::Pattern::compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert_eq!(compiled.fits(text), fits, "{pattern} {text}");
    }
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    let rows = [
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("(?i)*", "missing argument to repetition operator: `*`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("\\", "trailing backslash at end of expression: ``"),
        ("+?", "missing argument to repetition operator: `+?`"),
        ("(?\\b:", "invalid or unsupported Perl syntax: `(?\\`"),
        (r"\y", r"invalid escape sequence: `\y`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
    ];
    for (pattern, said) in rows {
        let error = pattern::Pattern::compile(pattern).expect_err(pattern);
        assert_eq!(error.to_string(), format!("error parsing regexp: {said}"));
    }
}

#[test]
fn everything_has_a_bound() {
    let deep = |levels: usize| format!("{}Port == 1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(parse(&deep(limits::FILTER_DEPTH)).is_ok());
    assert!(matches!(parse(&deep(limits::FILTER_DEPTH + 1)), Err(SyntaxError::TooDeep(_))));
    assert!(matches!(parse(&"not ".repeat(1000)), Err(SyntaxError::TooDeep(_))));
    assert!(matches!(parse(&"(".repeat(limits::FILTER_OCTETS)), Err(SyntaxError::TooDeep(_))));
    assert_eq!(parse(&" ".repeat(limits::FILTER_OCTETS + 1)), Err(SyntaxError::TooLong(limits::FILTER_OCTETS + 1)));
    let many = |matches: usize| vec!["Port == 1"; matches].join(" or ");
    assert_eq!(judged(&many(limits::FILTER_MATCHES)), "000");
    assert_eq!(judged(&many(257)), "Number of match expressions (257) exceeds the limit (256)");
    let large = judged("Name matches `(((a{1000}){1000}){1000}`");
    assert!(large.contains("error parsing regexp"), "{large}");
    let large = judged("Name matches `((a{1000}){1000}){1000}`");
    assert!(large.contains("expression too large"), "{large}");
}

#[test]
fn half_open_parentheses_cost_no_more_than_their_length() {
    // A grammar that tries each way anew at every level would take 4^60 steps.
    let text = format!("{}x == 1{} and", "(".repeat(60), ")".repeat(60));
    assert!(parse(&text).is_err());
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z][a-zA-Z0-9_]{0,4}", ".{0,6}", Just("not".to_owned())]
}

fn comparison() -> impl Strategy<Value = Expression> {
    let selector = ("[a-zA-Z][a-zA-Z0-9_]{0,5}", prop::collection::vec(name(), 0..3));
    let operator = prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::In,
        Operator::NotIn,
        Operator::IsEmpty,
        Operator::IsNotEmpty,
        Operator::Matches,
        Operator::NotMatches,
    ]);
    (selector, operator, any::<String>()).prop_map(|((first, rest), operator, value)| {
        let selector = Selector([vec![first], rest].concat());
        let alone = operator.plain().0 == Operator::IsEmpty;
        Expression::Match(Comparison { selector, operator, value: if alone { String::new() } else { value } })
    })
}

fn expression() -> impl Strategy<Value = Expression> {
    comparison().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Any),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
            inner.prop_map(Expression::negated),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same(expression in expression()) {
        prop_assert_eq!(parse(&expression.to_string()), Ok(expression));
    }

    #[test]
    fn no_input_is_too_much(words in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "not ", " and ", " or ", " in ", " == ", " != ", " is empty", " contains ", " matches ", "Name", "Port",
        "Meta", ".a", "[", "]", "\"", "`", "1", "-", "\\", "\n", "é", "*", "{2}", "?", "|", " ",
    ]), 0..60)) {
        let _ = judged(&words.concat());
        let _ = pattern::Pattern::compile(&words.concat());
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        let _ = judged(&text);
        let _ = pattern::Pattern::compile(&text);
        let _ = quoting::unquoted(&text);
    }
}
