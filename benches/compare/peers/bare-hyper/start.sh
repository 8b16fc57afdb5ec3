# A bare hyper proxy, with the sidecar's libraries and no work of its own: what they cost.
# auth: none
# bearer: inject
exec "$BENCH_TOOLS/bare"
