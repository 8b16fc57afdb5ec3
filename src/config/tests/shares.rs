//! Mistakes in what is shared out among clients.
use super::mistakes::assert_mistake;

#[test]
fn bounds_of_what_is_shared_out_are_named() {
    for (key, value, bounds) in [
        (
            "limits.inspected_bodies",
            "'17GiB'",
            "between \"1KiB\" and \"16GiB\"",
        ),
        (
            "limits.connections_per_client",
            "-1",
            "between 0 and 1000000",
        ),
        ("sql_node.max_connections", "0", "between 1 and 1000000"),
        (
            "sql_node.connections_per_client",
            "1000001",
            "between 0 and 1000000",
        ),
    ] {
        let what = format!("`{key}`: out of range");
        assert_mistake(&format!("{key} = {value}"), 0, key.len() + 4, &what, bounds);
    }
}

#[test]
fn one_inspected_body_fits_into_what_is_held_of_all() {
    assert_mistake(
        "limits.inspected_bodies = '512KiB'",
        0,
        1,
        "`limits.inspected_body`: more than `inspected_bodies`, which holds all of them",
        "lower it, or raise that",
    );
}
