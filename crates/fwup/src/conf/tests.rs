use super::*;

fn value(key: &str, values: &[&str]) -> Node {
    Node::Value {
        key: key.into(),
        values: values.iter().map(|v| (*v).to_owned()).collect(),
    }
}

#[test]
fn words_strings_lists_sections_and_comments_are_read() {
    let text = "# c\nmeta-version=1.0.0 // c\n/* c\n*/ a = \"x\\\"\\x41\\101\\n\"\nb='${HOME}\\n'\ntask \"t\" {\n l={2,\"r w\", 3,}\n}\nempty {}\n";
    assert_eq!(
        parse(text),
        Ok(vec![
            value("meta-version", &["1.0.0"]),
            value("a", &["x\"AA\n"]),
            value("b", &["${HOME}\\n"]),
            Node::Section {
                kind: "task".into(),
                title: "t".into(),
                nodes: vec![value("l", &["2", "r w", "3"])]
            },
            Node::Section {
                kind: "empty".into(),
                title: String::new(),
                nodes: vec![]
            },
        ])
    );
}

#[test]
fn an_environment_variable_is_never_read() {
    assert_eq!(parse("a=\"${PATH}\""), Ok(vec![value("a", &["${PATH}"])]));
    assert!(
        parse("a=${PATH}").is_err(),
        "a bare ${{…}} is no word of this grammar"
    );
}

#[test]
fn what_the_grammar_does_not_know_is_refused_with_its_line() {
    for (text, line) in [
        ("include(\"/etc/passwd\")", 1),
        ("a=1\nb", 2),
        ("a=1\n}", 2),
        ("a {\nb=1\n", 3),
        ("a=\"x", 1),
        ("a={1 2}", 1),
        ("/* never", 1),
        ("a==1", 1),
    ] {
        assert_eq!(parse(text).map_err(|e| e.line), Err(line), "{text:?}");
    }
    let deep = "a {\n".repeat(20);
    assert!(parse(&deep).is_err());
    let many = "a=1\n".repeat(CONF_NODES + 1);
    assert!(parse(&many).is_err());
}
