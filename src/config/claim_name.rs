//! `ClaimName`: where in a token a claim stands.
use super::{
    fault::Fault,
    values::{string, text, wrong_kind},
};
use serde_json::{Map, Value};
use std::str::FromStr;
use toml::de::DeValue;

/// The name of a member of the token; or, where it begins with `/`, the JSON Pointer (RFC 6901) of a
/// nested one. A pointer leads through objects alone: the place in a list is nobody's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimName {
    written: Box<str>,
    /// The names on the way, at least one.
    path: Box<[String]>,
}

/// A pointer in which `~` stands for nothing, or a name is empty.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Pointer")]
pub struct NotPointer;

impl FromStr for ClaimName {
    type Err = NotPointer;

    fn from_str(written: &str) -> Result<Self, NotPointer> {
        let path: Vec<String> = match written.strip_prefix('/') {
            None => vec![written.to_owned()],
            Some(names) => names
                .split('/')
                .map(unescaped)
                .collect::<Result<_, NotPointer>>()?,
        };
        match path.iter().any(String::is_empty) {
            true => Err(NotPointer),
            false => Ok(Self {
                // `/email` is `email`, with every rule that there is for it.
                written: if path.len() == 1 {
                    path[0].as_str()
                } else {
                    written
                }
                .into(),
                path: path.into(),
            }),
        }
    }
}

fn unescaped(name: &str) -> Result<String, NotPointer> {
    let is_escape = |rest: &str| rest.starts_with(['0', '1']);
    match name.split('~').skip(1).all(is_escape) {
        true => Ok(name.replace("~1", "/").replace("~0", "~")),
        false => Err(NotPointer),
    }
}

impl ClaimName {
    /// As the operator wrote it.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The member of the token that holds it.
    pub fn top(&self) -> &str {
        &self.path[0]
    }

    /// The last name of its path.
    pub fn last(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// Whether it is a member of the token itself.
    pub fn is_top_level(&self) -> bool {
        self.path.len() == 1
    }

    /// The value, if `members` has it.
    pub fn find<'a>(&self, members: &'a Map<String, Value>) -> Option<&'a Value> {
        self.find_beside(self.last(), members)
    }

    /// The value of `name` in the object that this claim is in.
    pub fn find_beside<'a>(
        &self,
        name: &str,
        members: &'a Map<String, Value>,
    ) -> Option<&'a Value> {
        let (_, way) = self.path.split_last()?;
        let mut object = members;
        for name in way {
            object = object.get(name)?.as_object()?;
        }
        object.get(name)
    }

    /// Gives the claim this value in `members`. What stands in the way of a nested one stays.
    pub fn put(&self, value: Value, members: &mut Map<String, Value>) {
        let Some((last, way)) = self.path.split_last() else {
            return;
        };
        let mut object = members;
        for name in way {
            let inner = object
                .entry(name.as_str())
                .or_insert_with(|| Map::new().into());
            match inner {
                Value::Object(inner) => object = inner,
                _ => return,
            }
        }
        object.insert(last.clone(), value);
    }
}

/// One claim.
pub(super) fn claim_name(written: &str) -> Result<ClaimName, Fault> {
    text(written)?.parse().map_err(|error: NotPointer| {
        Fault::new(error.to_string())
            .cure("as in \"/realm_access/roles\"; `~1` is a slash, `~0` a tilde")
    })
}

/// One claim, or several of which the first that is there counts.
pub(super) fn claim_names(value: &DeValue<'_>) -> Result<Vec<ClaimName>, Fault> {
    let one = string(claim_name);
    let Some(names) = value.as_array() else {
        return match value.as_str() {
            Some(_) => Ok(vec![one(value)?]),
            None => Err(wrong_kind(value, "a string or a list", "put it in quotes")),
        };
    };
    if names.is_empty() {
        return Err(Fault::new("empty").cure("name at least one"));
    }
    names.iter().map(|name| one(name.get_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(written: &str) -> ClaimName {
        written.parse().unwrap()
    }

    #[test]
    fn a_pointer_leads_to_a_nested_claim_and_every_other_name_to_a_plain_one() {
        let claims = json!({
            "a": {"b": {"c": 1}, "x/y": 2, "m~n": 3, "list": [4]},
            "https://example.com/groups": 5, "a/b": 6, "a.b": 7, "~": 8,
        });
        let claims = claims.as_object().unwrap();
        for (written, expected) in [
            ("/a/b/c", Some(json!(1))),
            ("/a/x~1y", Some(json!(2))),
            ("/a/m~0n", Some(json!(3))),
            ("/a/list/0", None),
            ("/a/b/c/d", None),
            ("/b", None),
            ("https://example.com/groups", Some(json!(5))),
            ("a/b", Some(json!(6))),
            ("/a~1b", Some(json!(6))),
            ("a.b", Some(json!(7))),
            ("~", Some(json!(8))),
        ] {
            assert_eq!(name(written).find(claims), expected.as_ref(), "{written}");
        }
        assert_eq!(name("/email"), name("email"), "one name, one thing");
        for wrong in ["/", "//a", "/a/", "/a~", "/a~2", ""] {
            assert_eq!(wrong.parse::<ClaimName>(), Err(NotPointer), "{wrong}");
        }
    }

    #[test]
    fn a_value_is_put_where_it_is_found_and_displaces_nothing() {
        let mut claims = json!({"a": {"x": 1}, "b": "text"});
        let members = claims.as_object_mut().unwrap();
        name("/a/y").put(json!(2), members);
        name("/c/d").put(json!(3), members);
        name("/b/d").put(json!(4), members);
        let expected = json!({"a": {"x": 1, "y": 2}, "b": "text", "c": {"d": 3}});
        assert_eq!(claims, expected);
    }
}
