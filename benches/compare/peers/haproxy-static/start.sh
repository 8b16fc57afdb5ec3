# HAProxy that checks no token and sets the header: its upper bound.
# auth: none
# needs: haproxy
# packages: haproxy
. "$BENCH_PEERS/haproxy.sh" < /dev/null
