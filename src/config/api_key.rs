//! `[[api_key]]`: the programs that complete and use OAuth connections.
use super::{
    secret_source::SecretSource,
    section::Section,
    values::{name, string},
};

/// `[[api_key]]`
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// What logs call it; unique.
    pub name: String,
    /// Shown in `X-Api-Key`, or as a bearer token.
    pub secret: SecretSource,
    /// Whose connections it reads and changes. Several keys may have one owner, so that a key
    /// can be replaced without a gap.
    pub owner: String,
}

impl ApiKey {
    pub(super) fn read(section: &mut Section<'_>, names: &mut Vec<String>) -> Option<Self> {
        let name_of_key = section.unique_name(names);
        let secret = section.required_secret("secret");
        let owner = section.required("owner", string(name));
        Some(Self {
            name: name_of_key?,
            secret: secret?,
            owner: owner?,
        })
    }
}
