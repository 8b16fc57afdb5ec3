# What the HAProxy peers share; the rules of their front end come on standard input.
rules=$(cat)
cat > haproxy.cfg <<C
global
  nbthread 1
  maxconn 9000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout client 120s
  timeout server 120s
  timeout connect 5s
  timeout http-keep-alive 120s
frontend clients
  bind 127.0.0.1:$BENCH_PORT ssl crt $BENCH_PEM alpn h2,http/1.1
$rules
  http-request set-header Authorization "Bearer $BENCH_INJECT"
  default_backend node
backend node
  server node $BENCH_UPSTREAM pool-max-conn 1000 pool-purge-delay 60s
C
exec haproxy -db -f haproxy.cfg
