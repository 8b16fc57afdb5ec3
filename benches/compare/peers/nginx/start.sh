# nginx, auth_request to a service, whose answer is cached for 5 minutes by the whole field.
# auth: cached
# needs: nginx
# packages: nginx
cache='proxy_cache_path cache keys_zone=auth:10m;'
. "$BENCH_PEERS/nginx.sh" <<C
    location = /_auth {
      internal;
      proxy_pass http://node/auth;
      proxy_pass_request_body off;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_set_header Authorization \$http_authorization;
      proxy_cache auth;
      proxy_cache_key \$http_authorization;
      proxy_cache_valid 200 5m;
      proxy_ignore_headers Cache-Control;
    }
    location / {
      auth_request /_auth;
      proxy_pass http://node; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer $BENCH_INJECT";
    }
C
