# Apache with mod_auth_openidc: token introspection, whose answer is cached in shared memory.
# auth: cached
# needs: apache2 /usr/lib/apache2/modules/mod_auth_openidc.so
# packages: apache2-bin libapache2-mod-auth-openidc
modules=/usr/lib/apache2/modules
cat > httpd.conf <<C
ServerRoot .
ServerName localhost
PidFile $BENCH_DIR/httpd.pid
DefaultRuntimeDir $BENCH_DIR
ErrorLog $BENCH_DIR/error.log
LogLevel error
User www-data
Group www-data
Listen 127.0.0.1:$BENCH_PORT
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule socache_shmcb_module $modules/mod_socache_shmcb.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule http2_module $modules/mod_http2.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
LoadModule headers_module $modules/mod_headers.so
LoadModule auth_openidc_module $modules/mod_auth_openidc.so
StartServers 1
ServerLimit 1
ThreadLimit 512
ThreadsPerChild 512
MaxRequestWorkers 512
MinSpareThreads 1
MaxSpareThreads 512
AsyncRequestWorkerFactor 20
MaxRequestsPerChild 0
LimitRequestBody 0
KeepAlive On
KeepAliveTimeout 120
MaxKeepAliveRequests 0
Protocols h2 http/1.1
SSLEngine on
SSLCertificateFile $BENCH_CERT
SSLCertificateKeyFile $BENCH_KEY
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
OIDCCacheType shm
# Hashes the key of the cache: without it, a token of more than 511 bytes is never cached.
OIDCCacheEncrypt On
OIDCCacheShmMax 1000
OIDCCacheShmEntrySizeMax 65536
OIDCPassClaimsAs none
# The module insists on https: it asks this server itself, once for each token.
OIDCOAuthIntrospectionEndpoint https://127.0.0.1:$BENCH_PORT/_introspect
OIDCOAuthSSLValidateServer Off
OIDCOAuthClientID bench
OIDCOAuthClientSecret secret
OIDCOAuthRemoteUserClaim sub
<Location />
  AuthType oauth20
  Require valid-user
  RequestHeader set Authorization "Bearer $BENCH_INJECT"
  ProxyPass http://$BENCH_UPSTREAM/ keepalive=On max=512 ttl=120
</Location>
<Location /_introspect>
  AuthType None
  Require all granted
  RequestHeader unset Authorization
  ProxyPass http://$BENCH_UPSTREAM/introspect
</Location>
C
exec apache2 -f "$BENCH_DIR/httpd.conf" -DFOREGROUND
