//! An OpenID provider that can lie.
