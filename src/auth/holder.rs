//! From a proven identity and its grant to an Ocient token.
use super::{Authenticator, Decision, Fresh, Granted, Injection, SignedIn, database, verified};
use super::database::Named;
use crate::{
    body::Body,
    config::CredentialMode,
    failure::Failure,
    ocient::{Application, OcientToken, Proof, TokenKey, TokenKind},
    oidc::{Expect, Identity},
    route::Target,
    secret::Secret,
    session::{Session, SessionToken},
    telemetry::{Audit, AuditEvent, chain},
};
