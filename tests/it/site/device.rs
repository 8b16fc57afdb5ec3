//! A client without a browser, and the person who lets it in.
use super::{Settings, Site, authority, note};
use serde_json::{Value, json};
use sidecar_testkit::{
    client::{Answer, RequestBuilder},
    provider::{Provider, ProviderOptions},
    sql_node::{RETAIL, SqlNodeOptions},
};
use std::time::Duration;

/// A site whose provider may be asked every second.
pub(crate) async fn device_site(change: impl FnOnce(&mut Settings)) -> Site {
    let options = ProviderOptions {
        device_interval: Duration::from_secs(1),
        ..ProviderOptions::new(&authority())
    };
    let provider = Provider::start(options);
    Site::with_parts(provider, SqlNodeOptions::default(), change).await
}

/// A device that shows its code.
pub(crate) struct Device {
    pub(crate) code: String,
    /// What the sidecar answered.
    pub(crate) begun: Value,
}

impl Site {
    /// Begins a device grant for the retail database.
    pub(crate) async fn device(&self) -> Device {
        let answer = self.begin_device(json!({"database": RETAIL})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let begun = answer.json();
        let code = begun["user_code"].as_str().unwrap().to_owned();
        note(&code);
        Device { code, begun }
    }

    pub(crate) async fn begin_device(&self, body: Value) -> Answer {
        let client = self.client();
        let request = client.post(&self.url("/v1/sso_device_grant")).json(body);
        request.send().await.unwrap()
    }

    /// Asks for the session of a code for the retail database.
    pub(crate) fn verify(&self, code: &str, timeout: u32) -> RequestBuilder {
        let body = json!({"user_code": code, "database": RETAIL, "timeout": timeout});
        let client = self.client().timeout(Duration::from_secs(60));
        let url = self.url("/v1/sso_device_grant_verify");
        client.post(&url).json(body)
    }

    /// The same, sent.
    pub(crate) async fn verified(&self, code: &str, timeout: u32) -> Answer {
        let answer = self.verify(code, timeout).send().await.unwrap();
        if answer.status == 200 {
            note(answer.json()["access_token"].as_str().unwrap());
        }
        answer
    }

    /// Somebody approves, or, if `None`, refuses.
    pub(crate) fn decide(&self, device: &Device, user: Option<&str>) {
        assert!(self.provider.decide_device(&device.code, user));
    }
}
