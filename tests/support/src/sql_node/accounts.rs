//! The password accounts of the SQL node.

/// One user with a password.
#[derive(Debug, Clone)]
pub struct Account {
    /// The bare user name.
    pub user: String,
    /// The password.
    pub password: String,
    /// The user's own database: the `@database` of the full name, and the default to work in.
    pub database: String,
    /// Further databases the user belongs to.
    pub others: Vec<String>,
    /// Administrators belong to every database and may write in `system`.
    pub is_admin: bool,
}

impl Account {
    /// A user of one database.
    pub fn new(user: &str, password: &str, database: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
            others: Vec::new(),
            is_admin: false,
        }
    }

    /// An administrator, at home in `system`.
    pub fn admin(user: &str, password: &str) -> Self {
        Self {
            is_admin: true,
            ..Self::new(user, password, super::SYSTEM)
        }
    }

    /// `admin`/`admin` on `system`; `alice`/`wonderland` and `analyst`/`insights` on
    /// `retail_analytics`.
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::admin("admin", "admin"),
            Self::new("alice", "wonderland", super::RETAIL),
            Self::new("analyst", "insights", super::RETAIL),
        ]
    }

    pub(super) fn reach(&self) -> Reach {
        if self.is_admin {
            return Reach::Every;
        }
        let mut databases = vec![self.database.clone()];
        databases.extend(self.others.iter().cloned());
        Reach::Only(databases)
    }
}

/// Which databases somebody belongs to.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    Every,
    Only(Vec<String>),
}

impl Reach {
    pub(super) fn covers(&self, database: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Only(list) => list.iter().any(|known| known == database),
        }
    }
}

/// The account that `name` (`user` or `user@database`) and `password` prove, and the database the
/// name chose.
pub(super) fn check<'a>(
    accounts: &'a [Account],
    name: &str,
    password: &str,
) -> Option<(&'a Account, String)> {
    // The last `@` separates, since user names may be mail addresses; but a mail address alone is
    // a bare name too, hence the second attempt.
    let qualified = name.rsplit_once('@').and_then(|(user, database)| {
        let found = accounts.iter().find(|account| {
            account.user == user && account.password == password && account.reach().covers(database)
        })?;
        Some((found, database.to_owned()))
    });
    qualified.or_else(|| {
        let found = accounts
            .iter()
            .find(|account| account.user == name && account.password == password)?;
        Some((found, found.database.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_chooses_the_database_and_a_bare_one_the_users_own() {
        let accounts = Account::defaults();
        let cases = [
            ("admin@system", "admin", Some("system")),
            ("admin@retail_analytics", "admin", Some("retail_analytics")),
            ("admin", "admin", Some("system")),
            ("alice", "wonderland", Some("retail_analytics")),
            ("alice@system", "wonderland", None),
            ("alice", "admin", None),
            ("nobody", "admin", None),
        ];
        for (name, password, expected) in cases {
            let found = check(&accounts, name, password).map(|(_, database)| database);
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }
}
