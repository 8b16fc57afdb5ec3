# The sidecar with everything on that is on by default: access log, limits, timeouts, sessions.
# auth: cached
# tokens: many
cat > config.toml <<C
[listen]
addresses = ["127.0.0.1:$BENCH_PORT"]
workers = ${BENCH_WORKERS:-1}
public_url = "https://localhost:$BENCH_PORT"
[tls]
certificate = "$BENCH_CERT"
private_key = "$BENCH_KEY"
[sql_node]
url = "http://$BENCH_UPSTREAM"
[[provider]]
name = "bench"
issuer = "$BENCH_ISSUER"
client_id = "$BENCH_AUDIENCE"
[pass_through]
basic = false
bearer = false
anonymous = false
[sessions]
store = "memory"
keys = "keys"
[admin]
listen = "unix:admin.sock"
C
exec "$SIDECAR" run --config config.toml
