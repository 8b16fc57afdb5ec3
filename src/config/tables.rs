//! The tables of the file: sections, repeated sections, and the tables of secrets.
use super::{
    fault::Fault,
    known::{Shape, joined},
    reading::Reading,
    section::{Placed, SECRET_FORMS, Section, kind},
};
use std::ops::Range;
use toml::de::DeTable;

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
            Some(value) => self.table_of(key, value, &format!("[{key}]"))?.read(read),
            None => {
                let end = self.reading.end;
                self.child(key, end..end, None).read(read)
            }
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

    /// The table of the secret `key`, if the file has it; anything else stays hidden.
    pub(super) fn secret_table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(value) = self.find(key, Shape::Secret) else {
            return Some(None);
        };
        if let Some(table) = value.get_ref().as_table() {
            let mut section = self.child(key, value.span(), Some(table));
            return section.read(read).map(Some);
        }
        let fault = Fault::new("a secret is never written into this file");
        self.fault(key, fault.cure(SECRET_FORMS).hiding_value())
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
        self.hide_value(key);
        let found = kind(value.get_ref());
        let fault = Fault::new(format!("`{header}` is wanted, not {found}"))
            .cure(format!("write `{header}` on a line of its own"));
        let name = joined(&self.path, key);
        self.reading.mistake(value.span(), &name, fault);
        None
    }
}
