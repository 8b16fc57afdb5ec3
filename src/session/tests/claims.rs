//! Ids that may be used once, and given back.
use super::*;

#[tokio::test]
async fn an_id_that_is_given_back_is_used_once_more_and_by_one_of_many_at_once() {
    let folder = TempDir::new().unwrap();
    for (name, sessions) in every_kind(&folder).await {
        let until = start() + MINUTE;
        for turn in 0..3 {
            let all = (0..20).map(|_| sessions.claim(b"state", until, start()));
            let claims = futures_util::future::join_all(all).await;
            let claims = claims.into_iter().filter_map(Result::unwrap);
            let mut claims: Vec<Claim> = claims.collect();
            assert_eq!(claims.len(), 1, "{name} {turn}");
            sessions.release(claims.remove(0)).await.unwrap();
        }
        // Whoever dies before it gives an id back leaves it used.
        for is_first in [true, false] {
            let claimed = sessions.claim(b"other", until, start()).await.unwrap();
            assert_eq!(claimed.is_some(), is_first, "{name}");
        }
    }
}
