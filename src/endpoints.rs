//! The endpoints that the sidecar answers itself.
mod answer;
mod attempt;
mod backchannel_logout;
mod callback;
mod connect;
mod connections;
mod crowd;
mod device;
mod fields;
mod logged_out;
mod logout;
mod pages;
mod sso_authentication;
mod sso_token;
mod states;
mod token_refresh;
mod used_state;

pub use connect::Connecting;

use crate::{
    auth::{Authenticator, Carrier, Credential, Seen, SignedIn},
    body::Body,
    config::{Callback, Config},
    failure::{Failure, Form},
    page::Reader,
    request_id::RequestId,
    route::Endpoint,
    seal::KeyRing,
    session::Session,
    telemetry::{Audit, AuditEvent, Telemetry},
};
use crowd::Crowd;
use device::DeviceGrants;
use http::{Method, Request, Response};
use states::States;
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// What all endpoints share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoints(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    auth: Authenticator,
    ring: Arc<KeyRing>,
    public_url: Url,
    callbacks: Vec<Callback>,
    default_database: Arc<str>,
    /// Sign-ins that wait for a person at another device.
    devices: DeviceGrants,
    /// Cancelled when the process is about to stop.
    draining: CancellationToken,
    /// Sign-ins that are being begun, by client.
    beginning: Crowd,
    /// States that callbacks use up, by client.
    states: States,
    /// `None`: no callback answers OAuth connections.
    connecting: Option<Connecting>,
    telemetry: Telemetry,
}

/// The circumstances of one request.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Who asks.
    pub client: IpAddr,
    /// Joins the answer with the log.
    pub request_id: &'a RequestId,
    /// When.
    pub now: SystemTime,
}

/// What becomes of a request to an endpoint of ours.
#[derive(Debug)]
pub enum Reply {
    /// The answer.
    Answer(Response<Body>),
    /// The credential is not a session, so the request is the SQL node's.
    Forward(Box<Request<Body>>),
}

/// Sign-ins that one client's network begins at a time. Each may take a place among those that are
/// pushed to the provider, and of these there are 32 for everybody; a push takes a fraction of a
/// second, so this is some fifty sign-ins a second. Others wait for a moment.
const MAX_BEGINNING: usize = 8;

impl Endpoints {
    /// The endpoints of one configuration. `draining`: cancelled when the process is about to
    /// stop, so that nobody waits here for what will not come.
    pub fn new(
        config: &Config,
        auth: Authenticator,
        ring: Arc<KeyRing>,
        connecting: Option<Connecting>,
        telemetry: Telemetry,
        draining: CancellationToken,
    ) -> Self {
        Self(Arc::new(Parts {
            auth,
            ring,
            public_url: config.listen.public_url.clone(),
            callbacks: config.callbacks.clone(),
            default_database: config.sso.default_database.clone(),
            devices: DeviceGrants::new(config.sso.device_pickup),
            draining,
            beginning: Crowd::new(MAX_BEGINNING),
            states: States::new(config.limits.failed_signins_per_client),
            connecting,
            telemetry,
        }))
    }

    /// Answers a request to `endpoint`. `seen` is filled in for the access line.
    ///
    /// # Errors
    /// The refusal.
    pub async fn answer(
        &self,
        endpoint: Endpoint,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Reply, Failure> {
        seen.form = form(endpoint);
        if let Endpoint::Logout | Endpoint::TokenRefresh = endpoint {
            return self.for_sessions(endpoint, request, visit, seen).await;
        }
        check_method(endpoint, request.method())?;
        let answer = match endpoint {
            Endpoint::SsoToken => self.sso_token(request, visit, seen).await,
            Endpoint::SsoAuthentication => self.sso_authentication(request, visit).await,
            Endpoint::Callback => self.callback(request, visit, seen).await,
            Endpoint::ConnectionCallback => self.connect(request, visit, seen).await,
            Endpoint::Connections => self.list_connections(request, visit, seen).await,
            Endpoint::Connection => self.delete_connection(request, visit, seen).await,
            Endpoint::SsoDeviceGrant => self.sso_device_grant(request, visit).await,
            Endpoint::SsoDeviceGrantVerify => {
                self.sso_device_grant_verify(request, visit, seen).await
            }
            Endpoint::LoggedOut => logged_out::answer(&request),
            Endpoint::BackchannelLogout => self.backchannel_logout(request, visit).await,
            Endpoint::Logout | Endpoint::TokenRefresh => Err(Failure::Internal), // above
        };
        answer.map(Reply::Answer)
    }

    /// Logout and token refresh are ours for sessions alone. A provider token is not forwarded
    /// either: the answer to a refresh would hold an Ocient token, and a logout could end the
    /// one of an account that others use too.
    async fn for_sessions(
        &self,
        endpoint: Endpoint,
        request: Request<Body>,
        visit: Visit<'_>,
        seen: &mut Seen,
    ) -> Result<Reply, Failure> {
        let credential = self.0.auth.credential(request.headers())?;
        seen.credential = credential.kind();
        let (token, carrier) = match credential {
            Credential::Session(token, carrier, _) => (token, carrier),
            Credential::ProviderToken(..) => {
                return Err(not_ours_to_end());
            }
            Credential::Opaque(token, _) => {
                let (client, now) = (visit.client, visit.now);
                return match self.0.auth.is_of_provider(&token, client, now).await? {
                    true => Err(not_ours_to_end()),
                    false => Ok(Reply::Forward(Box::new(request))),
                };
            }
            _ => return Ok(Reply::Forward(Box::new(request))),
        };
        check_method(endpoint, request.method())?;
        if carrier == Carrier::Cookie {
            self.0.auth.check_site(&request, false)?;
        }
        let session = self.0.auth.session(&token, visit.now).await?;
        note(seen, &session);
        let answer = match endpoint {
            Endpoint::Logout => {
                let reader = Reader::of(request.headers());
                self.logout(&session, carrier, reader, visit).await
            }
            _ => {
                self.token_refresh(&session, &token, carrier, visit.now)
                    .await
            }
        };
        answer.map(Reply::Answer)
    }

    fn audit(&self, event: AuditEvent, session: &Session<SignedIn>, visit: Visit<'_>) {
        let identity = &session.record.identity;
        self.0.telemetry.audit(&Audit {
            request_id: Some(visit.request_id.as_str()),
            client: Some(visit.client),
            provider: Some(identity.provider()),
            subject: Some(identity.subject()),
            identity: Some(identity.username()),
            database: Some(&session.record.database),
            ..Audit::new(event, visit.now)
        });
    }
}

fn not_ours_to_end() -> Failure {
    Failure::malformed("a provider token is renewed and ended at its provider")
}

/// What the access line says of a session.
fn note(seen: &mut Seen, session: &Session<SignedIn>) {
    seen.identity = Some(session.record.identity.shared_username());
    seen.database = Some(session.record.database.clone());
}

/// How long `session` lasts from `now`, if it is used: whole seconds, the begun one included,
/// since sessions end at whole milliseconds.
fn remaining(session: &Session<SignedIn>, now: SystemTime) -> Duration {
    let exactly = session.expires_at.duration_since(now).unwrap_or_default();
    Duration::from_secs((exactly + Duration::from_millis(999)).as_secs())
}

/// How the failures of an endpoint are told.
fn form(endpoint: Endpoint) -> Form {
    match endpoint {
        Endpoint::ConnectionCallback | Endpoint::Connections | Endpoint::Connection => Form::Error,
        _ => Form::Status,
    }
}

fn check_method(endpoint: Endpoint, method: &Method) -> Result<(), Failure> {
    let known: &'static [Method] = match endpoint {
        Endpoint::Callback
        | Endpoint::ConnectionCallback
        | Endpoint::Connections
        | Endpoint::LoggedOut => &[Method::GET],
        Endpoint::Connection => &[Method::DELETE],
        Endpoint::SsoAuthentication => &[Method::GET, Method::POST],
        _ => &[Method::POST],
    };
    known
        .contains(method)
        .then_some(())
        .ok_or(Failure::Method(known))
}
