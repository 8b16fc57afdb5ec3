# Envoy with jwt_authn, RS256, and its token cache. No Debian package has it: ENVOY names the binary.
# auth: cached
# needs: $ENVOY
jwks=$(cat "$BENCH_JWKS")
cat > envoy.yaml <<C
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: $BENCH_PORT}}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: {tls_maximum_protocol_version: TLSv1_3}
            tls_certificates: [{certificate_chain: {filename: "$BENCH_CERT"}, private_key: {filename: "$BENCH_KEY"}}]
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          generate_request_id: false
          http_filters:
          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                bench: {issuer: "$BENCH_ISSUER", audiences: ["$BENCH_AUDIENCE"], forward: false, jwt_cache_config: {jwt_cache_size: 1000}, local_jwks: {inline_string: '$jwks'}}
              rules: [{match: {prefix: /}, requires: {provider_name: bench}}]
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, suppress_envoy_headers: true}
          route_config:
            virtual_hosts:
            - name: node
              domains: ["*"]
              routes: [{match: {prefix: /}, route: {cluster: node, timeout: 0s}}]
              request_headers_to_add:
              - {header: {key: Authorization, value: "Bearer $BENCH_INJECT"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
  clusters:
  - name: node
    type: STATIC
    circuit_breakers: {thresholds: [{max_connections: 10000, max_pending_requests: 10000, max_requests: 10000}]}
    load_assignment:
      cluster_name: node
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $BENCH_UPSTREAM_PORT}}}}]}]
C
exec "$ENVOY" -c envoy.yaml --concurrency 1 --use-dynamic-base-id --log-level error
