//! Finds out which database a request is for, reading its body only where it must.
use super::{
    Authenticator,
    database::{Named, in_body, in_query},
    holder::Holder,
};
use crate::{
    body::{Arriving, Body},
    failure::Failure,
    route::Target,
};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body as _;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for a body that has to be read before the decision: a mebibyte over a slow
/// link, and not long enough to hoard connections with.
const BODY_WAIT: Duration = Duration::from_secs(30);

impl Authenticator {
    /// The database that the SQL node will use. Where the identity's grants depend on it, it
    /// is either known for sure or the request is refused.
    pub(super) async fn database(
        &self,
        request: Request<Arriving>,
        target: &Target,
        holder: &Holder,
    ) -> Result<(Request<Body>, String), Failure> {
        let own = holder.database(&self.0.default_database).to_owned();
        let named = match target {
            Target::Database(name) => Named::Database(name.clone()),
            Target::Unclear => Named::Unclear,
            Target::Elsewhere => Named::Nothing,
            Target::Unnamed => in_query(request.uri().query()),
        };
        if !self.0.policy.depends_on_database(holder.identity()) {
            let database = match named {
                Named::Database(name) => name,
                Named::Nothing | Named::Unclear => own,
            };
            return Ok((request.map(Body::Arriving), database));
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match (target, named) {
            (_, Named::Unclear) => Err(Failure::UnclearDatabase),
            (Target::Unnamed, _) if reads && !request.body().is_end_stream() => {
                Err(Failure::UnclearDatabase)
            }
            (Target::Unnamed, named) if !reads => self.database_in_body(request, named, own).await,
            (_, Named::Database(name)) => Ok((request.map(Body::Arriving), name)),
            (_, Named::Nothing) => Ok((request.map(Body::Arriving), own)),
        }
    }

    /// `queried`: what the query string says, which a SQL node may obey or ignore when there
    /// is a body; so it counts only where both readings agree.
    async fn database_in_body(
        &self,
        request: Request<Arriving>,
        queried: Named,
        own: String,
    ) -> Result<(Request<Body>, String), Failure> {
        let (head, body) = request.into_parts();
        let body = self.whole_body(body).await?;
        let database = match (in_body(&head.headers, &body), queried) {
            (Named::Nothing, Named::Nothing) => own,
            (Named::Database(name), Named::Nothing) => name,
            (Named::Database(name), Named::Database(queried)) if name == queried => name,
            (Named::Nothing, Named::Database(queried)) if queried == own => own,
            _ => return Err(Failure::UnclearDatabase),
        };
        Ok((Request::from_parts(head, Body::from(body)), database))
    }

    /// A longer body, or one with trailers, which could not be passed on unchanged, is not
    /// inspected.
    async fn whole_body(&self, body: Arriving) -> Result<Bytes, Failure> {
        let collecting = Limited::new(body, self.0.inspected_body).collect();
        let collected = timeout(BODY_WAIT, collecting)
            .await
            .map_err(|_| Failure::BodyLate)?
            .map_err(|error| Failure::of_collecting(&*error, Failure::UnclearDatabase))?;
        match collected.trailers() {
            Some(_) => Err(Failure::UnclearDatabase),
            None => Ok(collected.to_bytes()),
        }
    }
}
