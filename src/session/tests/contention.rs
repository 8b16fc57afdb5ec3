//! Many changes of one session at once.
use super::*;
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundreds_of_changes_of_one_session_at_once_all_succeed() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let created = sessions.create("alice".to_owned(), start()).await.unwrap();
        let key = *created.1.key();
        let changes = (0..300).map(|_| {
            let sessions = sessions.clone();
            tokio::spawn(async move { sessions.extend(&key, start() + SECOND).await })
        });
        for changed in join_all(changes).await {
            assert!(matches!(changed.unwrap(), Ok(Some(_))), "{name}");
        }
    }
}
