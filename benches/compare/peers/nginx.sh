# What the nginx peers share. $modules: of the main block; $cache: of the http block; the server's
# locations come on standard input.
#
# proxy_set_header in a location drops those of the outer level, so each location repeats
# `Connection ""`: without it, connections to the node are not kept, at twice the cost.
locations=$(cat)
cat > nginx.conf <<C
${modules:-}
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 12000; }
http {
  access_log off;
  keepalive_timeout 120s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
  upstream node { server $BENCH_UPSTREAM; keepalive 300; keepalive_requests 1000000000; keepalive_timeout 120s; }
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_buffers 8 32k;
  proxy_buffer_size 32k;
  proxy_busy_buffers_size 64k;
  proxy_max_temp_file_size 0;
  large_client_header_buffers 4 16k;
  ${cache:-}
  server {
    listen 127.0.0.1:$BENCH_PORT ssl http2;
    http2_max_requests 1000000000;
    ssl_certificate $BENCH_CERT; ssl_certificate_key $BENCH_KEY; ssl_protocols TLSv1.2 TLSv1.3;
$locations
  }
}
C
exec nginx -p . -c nginx.conf -e stderr
