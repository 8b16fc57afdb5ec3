//! `POST /v1/backchannel_logout`: the provider says that somebody's session there is over.
use super::{Endpoints, Visit, answer::empty, fields::Fields};
use crate::{body::Body, failure::Failure};
use http::{Request, Response};

impl Endpoints {
    /// OpenID Connect Back-Channel Logout 1.0 section 2.8: 200 also where no session was left to
    /// end, 400 for a token that proves nothing.
    pub(super) async fn backchannel_logout(
        &self,
        request: Request<Body>,
        visit: Visit<'_>,
    ) -> Result<Response<Body>, Failure> {
        let fields = Fields::of_form(request).await?;
        let token = fields
            .secret("logout_token")?
            .ok_or(Failure::malformed("logout_token is missing"))?;
        let request_id = visit.request_id.as_str();
        let auth = &self.0.auth;
        auth.end_for_provider(&token, visit.client, request_id, visit.now)
            .await?;
        Ok(empty())
    }
}
