//! Names that parts of the file give themselves, call each other by, and files they lean on.
use super::{
    fault::{Fault, nearest},
    files::Use,
    section::Section,
    values::{name, path, quoted, string},
};
use std::path::PathBuf;

impl Section<'_> {
    /// The `name` of this table, which none of the `earlier` ones has; joins them.
    pub(super) fn unique_name(&mut self, earlier: &mut Vec<String>) -> Option<String> {
        let name = self.required("name", string(name))?;
        if earlier.contains(&name) {
            let fault = Fault::new("this name is taken").cure("choose another one");
            return self.fault("name", fault);
        }
        earlier.push(name.clone());
        Some(name)
    }

    /// One of the `names` that the tables `[[key]]` have, if the file says one.
    pub(super) fn reference(
        &mut self,
        key: &'static str,
        names: &[String],
    ) -> Option<Option<String>> {
        self.optional(
            key,
            string(|written| {
                let known = || names.iter().map(String::as_str);
                if known().any(|name| name == written) {
                    return Ok(written.to_owned());
                }
                let cure = match nearest(written, known()) {
                    Some(name) => format!("did you mean {name:?}?"),
                    None if names.is_empty() => format!("add a [[{key}]] with this name"),
                    None => format!("one of {}", quoted(known())),
                };
                Err(Fault::new(format!("no [[{key}]] has this name")).cure(cure))
            }),
        )
    }

    /// A PEM file of authorities, if the file names one.
    pub(super) fn authorities(&mut self, key: &'static str) -> Option<Option<PathBuf>> {
        let written = self.optional(key, string(path))?;
        let path = written.map(|written| self.resolve(written));
        if let Some(path) = &path {
            self.uses(key, Use::Authorities(path.clone()));
        }
        Some(path)
    }
}
