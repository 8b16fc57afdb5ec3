//! `Section`: one table of the file, read key by key.
use super::{
    fault::Fault,
    files::Use,
    reading::{Known, Reading, Shape, joined},
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
type Placed<'a> = Spanned<DeValue<'a>>;

/// One table of the file. Its reader asks for every key by name; keys nobody asked for are
/// noted as unknown. `None` as an answer always means that a mistake was noted, so a reader
/// first asks for everything and then gives up with `?`.
pub(super) struct Section<'a> {
    /// As in `sql_node.credentials`; empty for the file itself.
    path: String,
    /// Its header; where a missing key is reported.
    place: Range<usize>,
    /// `None`: not in the file, so that every key has its default.
    table: Option<&'a DeTable<'a>>,
    reading: &'a mut Reading,
}

impl<'a> Section<'a> {
    /// Reads the whole file with `read`.
    pub(super) fn root<T>(
        table: &DeTable<'_>,
        reading: &mut Reading,
        read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Option<T> {
        let end = reading.end;
        let mut section = Section {
            path: String::new(),
            place: end..end,
            table: Some(table),
            reading,
        };
        section.read(read)
    }

    /// The sub-table `key`, also if the file does not have it.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.find(key, Shape::Section) {
            None => {
                let end = self.reading.end;
                self.child(key, end..end, None).read(read)
            }
            Some(value) => self.table_of(key, value, &format!("[{key}]"))?.read(read),
        }
    }

    /// Every `[[key]]` of the file, in order.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let header = format!("[[{key}]]");
        let Some(value) = self.find(key, Shape::Section) else {
            return Some(Vec::new());
        };
        let Some(tables) = value.get_ref().as_array() else {
            return self.not_a_table(key, value, &header);
        };
        let found: Vec<Option<T>> = tables
            .iter()
            .map(|table| self.table_of(key, table, &header)?.read(&mut read))
            .collect();
        found.into_iter().collect()
    }

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

    /// The table of the secret `key`, if the file has it; anything else stays hidden.
    pub(super) fn secret_table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(value) = self.find(key, Shape::Secret) else {
            return Some(None);
        };
        let place = value.span();
        match value.get_ref().as_table() {
            Some(table) => self.child(key, place, Some(table)).read(read).map(Some),
            None => self.fault(
                key,
                Fault::new("a secret is never written into this file")
                    .cure(SECRET_FORMS)
                    .hiding_value(),
            ),
        }
    }

    /// A key or section that is for a later version: refused, whatever it holds.
    pub(super) fn unavailable(&mut self, key: &'static str) {
        self.find(key, Shape::Unavailable);
        if let Some((written, value)) = self.table.and_then(|table| table.get_key_value(key)) {
            let name = joined(&self.path, key);
            self.reading.hide_value(&written.span(), value.span());
            self.reading
                .mistake(written.span(), &name, Fault::unavailable());
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

    /// Notes that `key` is needed.
    pub(super) fn missing<T>(&mut self, key: &'static str) -> Option<T> {
        let cure = match self.path.as_str() {
            "" => format!("add `{key}`"),
            path => format!("add `{key} = …` to `{path}`"),
        };
        self.reading
            .missing(self.place.clone(), &joined(&self.path, key), cure);
        None
    }

    /// Remembers what the value of `key` names outside of the file.
    pub(super) fn uses(&mut self, key: &'static str, named: Use) {
        let place = self.place_of(key);
        self.reading.uses.push((place, named));
    }

    /// A path as written, from the folder of the configuration file.
    pub(super) fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.reading.folder.join(path)
    }

    /// Reads this table with `read`, then notes the keys that it did not ask for.
    fn read<T>(&mut self, read: impl FnOnce(&mut Section<'_>) -> Option<T>) -> Option<T> {
        let result = read(self);
        for (key, value) in self.table.into_iter().flatten() {
            let is_known = |known: &Known| known.section == self.path && known.key == key.get_ref();
            if !self.reading.known.keys().any(is_known) {
                self.reading
                    .unknown(&self.path, key.get_ref(), key.span(), value.span());
            }
        }
        result
    }

    /// Remembers that `key` is known, and looks it up.
    fn find(&mut self, key: &'static str, shape: Shape) -> Option<&'a Placed<'a>> {
        let known = Known {
            section: self.path.clone(),
            key,
        };
        self.reading.known.insert(known, shape);
        let value = self.table?.get(key)?;
        if matches!(
            shape,
            Shape::Required | Shape::Optional | Shape::Defaulted(_)
        ) {
            self.reading.plain(value.span());
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

    fn child(
        &mut self,
        key: &str,
        place: Range<usize>,
        table: Option<&'a DeTable<'a>>,
    ) -> Section<'_> {
        Section {
            path: joined(&self.path, key),
            place,
            table,
            reading: self.reading,
        }
    }

    fn table_of(
        &mut self,
        key: &'static str,
        value: &'a Placed<'a>,
        header: &str,
    ) -> Option<Section<'_>> {
        match value.get_ref().as_table() {
            Some(table) => Some(self.child(key, value.span(), Some(table))),
            None => self.not_a_table(key, value, header),
        }
    }

    fn not_a_table<T>(&mut self, key: &str, value: &Placed<'_>, header: &str) -> Option<T> {
        let name = joined(&self.path, key);
        let fault = Fault::new(format!(
            "a section is wanted, not {}",
            kind(value.get_ref())
        ))
        .cure(format!("write `{header}` on a line of its own"));
        let fault = match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) => fault,
            _ => fault.hiding_value(),
        };
        self.reading.mistake(value.span(), &name, fault);
        None
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
