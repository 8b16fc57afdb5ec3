//! Starts the parts of the demo, and takes them apart.
use crate::{
    failure::Failure,
    folder::Folder,
    settings::{CLIENT_ID, Places, free_ports},
};
use ocient_sidecar::{app::App, config::Config, telemetry::Telemetry};
use sidecar_testkit::{
    authority::Authority,
    provider::{Provider, ProviderOptions, TokenBuilder},
    sql_node::{Integration, SqlNode, SqlNodeOptions},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Everything that runs.
pub(crate) struct World {
    pub(crate) sql_node: SqlNode,
    pub(crate) provider: Provider,
    pub(crate) folder: Folder,
    pub(crate) places: Places,
    telemetry: Telemetry,
    sidecar: JoinHandle<usize>,
    stop: CancellationToken,
}

/// The ports that documentation names; others are taken where these are not free.
const SIDECAR_PORT: u16 = 8443;
const ADMIN_PORT: u16 = 9901;
const PROVIDER_PORT: u16 = 8444;
const SQL_NODE_PORT: u16 = 9090;

/// A day's work: whoever tries the lines in the evening need not start again.
const TOKEN_LIFE_SECONDS: i64 = 12 * 60 * 60;

impl World {
    /// Starts provider, SQL node and sidecar; all of them accept when this returns.
    pub(crate) async fn start(folder: Folder) -> Result<Self, Failure> {
        let authority = Authority::from_files_or_new(folder.path())
            .map_err(Failure::io("use the authority"))?;
        let provider = provider(&authority)?;
        let sql_node = sql_node(&provider, &authority).await?;
        let [port, admin_port] =
            free_ports([SIDECAR_PORT, ADMIN_PORT]).map_err(Failure::io("find a free port"))?;
        let places = Places {
            port,
            admin_port,
            sql_node: sql_node.url(),
            issuer: provider.issuer().to_owned(),
        };
        let callback = format!("{}/v1/callback", places.public_url());
        provider.allow_redirect(CLIENT_ID, &callback);
        write_files(&folder, &authority, &provider, &places)?;

        let (app, telemetry) = bind(&folder, &places).await?;
        let stop = CancellationToken::new();
        let sidecar = tokio::spawn(app.run(stop.clone()));
        Ok(Self {
            sql_node,
            provider,
            folder,
            places,
            telemetry,
            sidecar,
            stop,
        })
    }

    /// Stops the sidecar as a signal would, and says how many connections it had to break.
    /// Its log in the folder is complete then.
    pub(crate) async fn stop(self) -> Result<(usize, Folder), Failure> {
        self.stop.cancel();
        let broken = self.sidecar.await.map_err(Failure::Panic)?;
        self.telemetry.flush();
        Ok((broken, self.folder))
    }
}

fn provider(authority: &Authority) -> Result<Provider, Failure> {
    let [port] = free_ports([PROVIDER_PORT]).map_err(Failure::io("find a free port"))?;
    let mut options = ProviderOptions::new(authority);
    options.port = port;
    options.path = "/realms/demo".to_owned();
    options.interactive = true; // a person decides who signs in
    Ok(Provider::start(options))
}

async fn sql_node(provider: &Provider, authority: &Authority) -> Result<SqlNode, Failure> {
    let [port] = free_ports([SQL_NODE_PORT]).map_err(Failure::io("find a free port"))?;
    let integration = Integration {
        issuer: provider.issuer().to_owned(),
        client_id: CLIENT_ID.to_owned(),
        ca_pem: authority.ca_pem(),
        username_claim: "preferred_username".to_owned(),
        ..Integration::default()
    };
    let options = SqlNodeOptions {
        port,
        integrations: vec![integration],
        ..SqlNodeOptions::default()
    };
    let started = SqlNode::try_start(options).await;
    started.map_err(Failure::io("start the SQL node"))
}

/// Everything that the configuration and the commands name.
fn write_files(
    folder: &Folder,
    authority: &Authority,
    provider: &Provider,
    places: &Places,
) -> Result<(), Failure> {
    let issued = authority.issue(&["localhost", "127.0.0.1", "::1"]);
    folder.write("sidecar.crt", &issued.cert_pem)?;
    folder.write("sidecar.key", &issued.key_pem)?;
    folder.write("client_secret", "ocient-secret")?;
    folder.write("config.toml", &places.config_toml())?;
    let day = |token: TokenBuilder| token.expires_in(TOKEN_LIFE_SECONDS);
    let id_token = |user: &str| day(provider.mint().user(user)).build();
    folder.write("alice.id_token", &id_token("alice"))?;
    folder.write("bob.id_token", &id_token("bob"))?;
    folder.write("carol.id_token", &id_token("carol"))?;
    let access_token = day(provider.mint().user("alice").access_token());
    folder.write("alice.access_token", &access_token.build())?;
    // Longer ago than `clock_skew` forgives.
    let expired = provider.mint().user("alice").expires_in(-600);
    folder.write("expired.id_token", &expired.build())
}

/// The sidecar as its own `run` command would start it, but for the place of its log.
async fn bind(folder: &Folder, places: &Places) -> Result<(App, Telemetry), Failure> {
    let text = places.config_toml();
    let config = Config::from_toml(&text, "config.toml", folder.path());
    let config = config.map_err(Failure::Configuration)?;
    let telemetry = Telemetry::new(config.log, folder.create("sidecar.log")?);
    telemetry.install();
    Ok((App::bind(&config, telemetry.clone()).await?, telemetry))
}

/// Ends at the first Ctrl-C or SIGTERM. A second Ctrl-C ends the process at once.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let watch = |kind| signal(kind).map_err(Failure::io("watch for signals"));
    let mut interrupt = watch(SignalKind::interrupt())?;
    let mut terminate = watch(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            interrupt.recv().await;
            std::process::exit(1);
        });
    })
}
