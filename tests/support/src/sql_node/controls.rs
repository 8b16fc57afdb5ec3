//! The handles by which a test moves the node: clock, gates, misbehaviour, connections.

use std::time::Duration;

use super::{CannedAnswer, Endpoint, Misbehaviour, SqlNode, listener::Command};

impl SqlNode {
    /// Forgets every token and cookie session it gave out, as after a restart.
    pub fn forget_tokens(&self) {
        self.node.tokens.forget_all();
    }

    /// Moves the node's clock forward, so that tokens end without waiting.
    pub fn advance_clock(&self, by: Duration) {
        self.node.control.advance(by);
    }

    /// Misbehaves on the next `times` requests to an endpoint, or to any with `None`.
    pub fn misbehave(
        &self,
        endpoint: impl Into<Option<Endpoint>>,
        times: usize,
        what: Misbehaviour,
    ) {
        self.node.control.add(endpoint.into(), times, what);
    }

    /// Gives this answer to the next `times` requests to `/v1/execute`.
    pub fn answer_next(&self, times: usize, answer: CannedAnswer) {
        self.misbehave(Endpoint::Execute, times, Misbehaviour::Answer(answer));
    }

    /// Lets all stalled requests go on, and drops the rules that would stall more.
    pub fn release_stalled(&self) {
        self.node.control.release();
    }

    /// Drops all rules of misbehaviour; what is stalled goes on.
    pub fn behave(&self) {
        self.node.control.behave();
    }

    /// Lets statements pass `pause(name)`, now and later.
    pub fn open_gate(&self, name: &str) {
        self.node.gates.open(name);
    }

    /// Makes statements wait at `pause(name)` again.
    pub fn close_gate(&self, name: &str) {
        self.node.gates.close(name);
    }

    /// Waits until a statement waits at `pause(name)`.
    pub async fn paused_at(&self, name: &str) {
        self.node.gates.reached(name).await;
    }

    /// Closes the listening socket: new connections are refused, open ones stay.
    pub async fn refuse_connections(&self) {
        // Closing a socket cannot fail.
        let _ = self.order(Command::Refuse).await;
    }

    /// Listens again on the same port.
    ///
    /// # Panics
    /// When somebody else has taken the port meanwhile.
    pub async fn accept_connections(&self) {
        let outcome = self.order(Command::Accept).await;
        outcome.expect("the port is still free");
    }

    /// Cuts every open connection.
    pub async fn drop_connections(&self) {
        // Cutting cannot fail.
        let _ = self.order(Command::Drop).await;
    }
}
