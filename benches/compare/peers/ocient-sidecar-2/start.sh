# The same with two workers on two CPUs: does a request cost more?
# auth: cached
# cpus: 2
export BENCH_WORKERS=2
. "$BENCH_PEERS/ocient-sidecar/start.sh"
