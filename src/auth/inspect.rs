//! Finds out which database a request is for, reading its body only where it must.
use super::{
    Authenticator,
    database::{Named, in_body, in_query},
    holder::Holder,
};
use crate::{body::Body, failure::Failure, route::Target};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Longest wait for a body that has to be read before the decision: a mebibyte over a slow
/// link, and not long enough to hoard connections with.
const BODY_WAIT: Duration = Duration::from_secs(30);

impl Authenticator {
    /// The database that the SQL node will use; `own`, if the request names none. Where the
    /// identity's grants depend on it, it is either known for sure or the request is refused.
    pub(super) async fn database(
        &self,
        request: &mut Request<Body>,
        target: &Target,
        (holder, client): (&Holder, IpAddr),
        own: Arc<str>,
    ) -> Result<Arc<str>, Failure> {
        let named = match target {
            Target::Database(name) => Named::Database(name.as_str().into()),
            Target::Unclear => Named::Unclear,
            Target::Login | Target::Elsewhere => Named::Nothing,
            Target::Unnamed => in_query(request.uri().query()),
        };
        if !self.0.policy.depends_on_database(holder.identity()) {
            return Ok(match named {
                Named::Database(name) => name,
                Named::Nothing | Named::Unclear => own,
            });
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match (target, named) {
            (_, Named::Unclear) => Err(Failure::UnclearDatabase),
            (Target::Unnamed, _) if reads && !request.body().is_end_stream() => {
                Err(Failure::UnclearDatabase)
            }
            // Large, and not needed where grants are for all databases: a future of its own.
            (Target::Unnamed, named) if !reads => {
                let queried = (named, own);
                self.database_in_body(request, queried, client)
                    .boxed()
                    .await
            }
            (_, Named::Database(name)) => Ok(name),
            (_, Named::Nothing) => Ok(own),
        }
    }

    /// `queried`: what the query string says, which a SQL node may obey or ignore when there
    /// is a body; so it counts only where both readings agree. `own`: the holder's database.
    async fn database_in_body(
        &self,
        request: &mut Request<Body>,
        (queried, own): (Named, Arc<str>),
        client: IpAddr,
    ) -> Result<Arc<str>, Failure> {
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let (most, unfit) = (self.0.inspected_body, Failure::UnclearDatabase);
        let body = self.whole_body(body, client, (most, unfit)).await?;
        let database = match (in_body(request.headers(), &body), queried) {
            (Named::Nothing, Named::Nothing) => own,
            (Named::Database(name), Named::Nothing) => name,
            (Named::Database(name), Named::Database(queried)) if name == queried => name,
            (Named::Nothing, Named::Database(queried)) if queried == own => own,
            _ => return Err(Failure::UnclearDatabase),
        };
        *request.body_mut() = Body::from(body);
        Ok(database)
    }

    /// A body of more than `most` bytes, or one with trailers, which could not be passed on
    /// unchanged, is not inspected, but refused as `unfit`. What is held of it is `client`'s part of
    /// the budget until it has been sent on.
    pub(super) async fn whole_body(
        &self,
        mut body: Body,
        client: IpAddr,
        (most, unfit): (usize, Failure),
    ) -> Result<Bytes, Failure> {
        let mut held = self.0.bodies.holding(client);
        let collecting = async {
            while let Some(frame) = body.frame().await {
                match frame.map_err(|error| Failure::from(&error))?.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) if held.len() + data.len() <= most => held.add(data, most)?,
                    Ok(_) | Err(_) => return Err(unfit),
                }
            }
            Ok(())
        };
        timeout(BODY_WAIT, collecting)
            .await
            .map_err(|_| Failure::BodyLate)??;
        Ok(held.into_bytes())
    }
}
