# nginx with Lua: the field is looked up in a shared dictionary, and a service asked on a miss.
# auth: cached
# needs: nginx /usr/lib/nginx/modules/ngx_http_lua_module.so /usr/share/lua/5.1/resty/core.lua
# packages: nginx libnginx-mod-http-lua lua-resty-core
modules='load_module /usr/lib/nginx/modules/ndk_http_module.so; load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;'
cache="lua_package_path '/usr/share/lua/5.1/?.lua;;'; lua_shared_dict tokens 10m;"
. "$BENCH_PEERS/nginx.sh" <<C
    location = /_auth {
      internal;
      proxy_pass http://node/auth;
      proxy_pass_request_body off;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_set_header Authorization \$http_authorization;
    }
    location / {
      access_by_lua_block {
        local shown = ngx.var.http_authorization
        if not shown then return ngx.exit(401) end
        local known = ngx.shared.tokens
        if not known:get(shown) then
          if ngx.location.capture('/_auth').status ~= 200 then return ngx.exit(401) end
          known:set(shown, true, 300)
        end
      }
      proxy_pass http://node; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer $BENCH_INJECT";
    }
C
