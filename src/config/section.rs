//! `Section`: one table of the file, read key by key.
use super::{
    fault::Fault,
    files::Use,
    known::{Known, Shape, Unknown, joined},
    reading::Reading,
};
use std::{
    ops::Range,
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A value and where it stands.
pub(super) type Placed<'a> = Spanned<DeValue<'a>>;

/// One table of the file. Its reader asks for every key by name; keys nobody asked for are
/// noted as unknown. `None` as an answer always means that a mistake was noted, so a reader
/// first asks for everything and then gives up with `?`.
pub(super) struct Section<'a> {
    /// As in `sql_node.credentials`; empty for the file itself.
    pub(super) path: String,
    /// Its header; where a missing key is reported.
    pub(super) place: Range<usize>,
    /// `None`: not in the file, so that every key has its default.
    pub(super) table: Option<&'a DeTable<'a>>,
    pub(super) reading: &'a mut Reading,
}

impl<'a> Section<'a> {
    /// A key without which nothing works.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        match self.find(key, Shape::Required) {
            Some(value) => self.parsed(key, value, parse),
            None => self.missing(key),
        }
    }

    /// A key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Option<T>> {
        match self.find(key, Shape::Optional) {
            Some(value) => self.parsed(key, value, parse).map(Some),
            None => Some(None),
        }
    }

    /// A key that stands for `default`, written as TOML, if it is left out.
    pub(super) fn defaulted<T>(
        &mut self,
        key: &'static str,
        default: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        match self.find(key, Shape::Defaulted(default)) {
            Some(value) => self.parsed(key, value, parse),
            None => self.parsed(key, &default_value(default), parse),
        }
    }

    /// A list of values that `parse` understands one by one; each bad one is a mistake.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        default: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        match self.find(key, Shape::Defaulted(default)) {
            Some(value) => self.elements(key, value, parse),
            None => self.elements(key, &default_value(default), parse),
        }
    }

    /// A list as in [`list`](Self::list), of at least one.
    pub(super) fn some_of<T>(
        &mut self,
        key: &'static str,
        default: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        let list = self.list(key, default, parse)?;
        match list.is_empty() {
            true => self.fault(key, Fault::new("empty").cure("name at least one")),
            false => Some(list),
        }
    }

    /// A key or section that is for a later version: refused, whatever it holds.
    pub(super) fn unavailable(&mut self, key: &'static str) {
        self.find(key, Shape::Unavailable);
        if let Some((written, _)) = self.table.and_then(|table| table.get_key_value(key)) {
            self.hide_value(key);
            let name = joined(&self.path, key);
            self.reading
                .mistake(written.span(), &name, Fault::unavailable());
        }
    }

    /// Masks the value of `key`, whatever it is.
    pub(super) fn hide_value(&mut self, key: &str) {
        if let Some((written, value)) = self.table.and_then(|table| table.get_key_value(key)) {
            self.reading.hide_value(&written.span(), &value.span());
        }
    }

    /// Notes what is wrong with this table as a whole.
    pub(super) fn fault_here<T>(&mut self, fault: Fault) -> Option<T> {
        self.reading.mistake(self.place.clone(), &self.path, fault);
        None
    }

    /// Notes what is wrong with `key` as a whole, or with its absence.
    pub(super) fn fault<T>(&mut self, key: &'static str, fault: Fault) -> Option<T> {
        let place = self.place_of(key);
        self.reading.mistake(place, &joined(&self.path, key), fault);
        None
    }

    /// Notes that `key` is legal and surely not meant.
    pub(super) fn warn(&mut self, key: &'static str, fault: Fault) {
        let place = self.place_of(key);
        self.reading.warning(place, &joined(&self.path, key), fault);
    }

    /// Notes that `key` is needed.
    pub(super) fn missing<T>(&mut self, key: &'static str) -> Option<T> {
        let cure = match self.table {
            Some(_) => format!("add `{key} = …` to it"),
            None => format!("add `[{}]` with `{key} = …`", self.path),
        };
        self.reading
            .missing(self.place.clone(), &joined(&self.path, key), cure);
        None
    }

    /// Remembers what the value of `key` names outside of the file.
    pub(super) fn uses(&mut self, key: &'static str, named: Use) {
        let place = self.place_of(key);
        self.reading.uses(place, joined(&self.path, key), named);
    }

    /// A path as written, from the folder of the configuration file.
    pub(super) fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.reading.folder.join(path)
    }

    /// Reads this table with `read`, then notes the keys that it did not ask for.
    pub(super) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Option<T> {
        let result = read(self);
        for (key, value) in self.table.into_iter().flatten() {
            if !self.reading.keys.has(&self.path, key.get_ref()) {
                self.reading.unknown.push(Unknown {
                    section: self.path.clone(),
                    key: key.get_ref().to_string(),
                    place: key.span(),
                    value: value.span(),
                });
            }
        }
        result
    }

    /// Remembers that `key` is known, and looks it up.
    pub(super) fn find(&mut self, key: &'static str, shape: Shape) -> Option<&'a Placed<'a>> {
        let known = Known {
            section: self.path.clone(),
            key,
        };
        self.reading.keys.0.insert(known, shape);
        let value = self.table?.get(key)?;
        if shape.is_plain() {
            self.reading.plain.push(value.span());
        }
        Some(value)
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        value: &Placed<'_>,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        parse(value.get_ref())
            .map_err(|fault| {
                let name = joined(&self.path, key);
                self.reading.mistake(value.span(), &name, fault);
            })
            .ok()
    }

    fn elements<T>(
        &mut self,
        key: &'static str,
        value: &Placed<'_>,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        let Some(elements) = value.get_ref().as_array() else {
            return self.fault(
                key,
                Fault::new(format!("a list is wanted, not {}", kind(value.get_ref())))
                    .cure("write it in brackets, as in [\"a\", \"b\"]"),
            );
        };
        let parsed: Vec<Option<T>> = elements
            .iter()
            .map(|element| self.parsed(key, element, &parse))
            .collect();
        parsed.into_iter().collect()
    }

    fn place_of(&self, key: &str) -> Range<usize> {
        self.table
            .and_then(|table| table.get(key))
            .map_or(self.place.clone(), Spanned::span)
    }
}

/// The kind of a value, with its article.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn default_value(default: &'static str) -> Placed<'static> {
    DeValue::parse(default).expect("the defaults are TOML: a test reads each of them")
}

/// What may stand where a secret is wanted.
pub(super) const SECRET_FORMS: &str =
    "name its place: { file = \"…\" }, { credential = \"name\" } or { env = \"NAME\" }";
