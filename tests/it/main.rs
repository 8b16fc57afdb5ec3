//! Integration tests: the real application between a real SQL node, a provider and a client, all
//! of them in this process, on loopback, on ports of their own.
mod browser_sign_in;
mod browser_sign_in_attacks;
mod cross_site;
mod errors;
mod errors_fuzz;
mod grants;
mod identities;
mod lies;
mod lies_tokens;
mod logs;
mod ocient_tokens;
mod provider_tokens;
mod secrets;
mod sessions;
mod site;
mod smoke;
mod sso_token;
