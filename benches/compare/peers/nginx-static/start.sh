# nginx that checks no token and sets the header: its upper bound.
# auth: none
# needs: nginx
# packages: nginx
. "$BENCH_PEERS/nginx.sh" <<C
    location / { proxy_pass http://node; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer $BENCH_INJECT"; }
C
