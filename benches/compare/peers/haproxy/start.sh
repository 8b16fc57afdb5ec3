# HAProxy, RS256 verified on each request, as it has no cache for that.
# auth: each
# needs: haproxy
# packages: haproxy
. "$BENCH_PEERS/haproxy.sh" <<C
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('\$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('\$.iss') -m str $BENCH_ISSUER }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('\$.aud') -m str $BENCH_AUDIENCE }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"$BENCH_JWT_PUB") -m int 1 }
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('\$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
C
