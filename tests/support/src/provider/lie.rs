//! Everything that a provider can be told to do wrong, or merely differently.

use std::time::Duration;

use super::endpoint::Endpoint;

/// What a lying provider does. Those marked "harmless" are differences between real providers, which a
/// good relying party accepts. In ID tokens they hold for the token endpoint, not for `mint()`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Lie {
    // ID tokens: applied in `lie_token.rs`.
    /// `nonce` is not the one that was sent.
    WrongNonce,
    /// `nonce` is missing.
    MissingNonce,
    /// `iss` is another provider.
    WrongIssuer,
    /// `aud` is another client.
    WrongAudience,
    /// Harmless: `aud` is an array with the client as its only member.
    AudienceArray,
    /// `aud` has a second member and there is no `azp`.
    SeveralAudiences,
    /// `azp` is another client.
    ForeignAuthorizedParty,
    /// `aud` is missing.
    MissingAudience,
    /// `sub` is missing.
    MissingSubject,
    /// `iat` is missing.
    MissingIssuedAt,
    /// `exp` is missing.
    MissingExpiry,
    /// `exp` was an hour ago.
    Expired,
    /// `exp` is 1e300, which wraps in careless arithmetic.
    EndlessExpiry,
    /// `iat` is an hour ahead.
    IssuedInFuture,
    /// `nbf` is an hour ahead.
    NotYetValid,
    /// Harmless: the dates have fractions.
    FloatDates,
    /// Harmless: `groups` is one string with commas.
    GroupsAsText,
    /// This claim has this value.
    IdTokenClaim(&'static str, serde_json::Value),
    /// One bit of the signature is wrong; which algorithm, the provider or the client entry says.
    BadSignature,
    /// Signed by a key that is not published, under the id of one that is.
    ForeignKey,
    /// `alg` is `none`, and there is no signature.
    AlgorithmNone,
    /// `alg` is `null`.
    AlgorithmNull,
    /// HS256 with the public key's PEM as the secret.
    Hs256WithPublicKey,
    /// HS256 with the secret of the client `ocient`, as its registration could ask for.
    Hs256WithClientSecret,
    /// It looks encrypted (RFC 7516): five parts, of which the first says so.
    Encrypted,
    /// `kid` is not in the JWK set.
    UnknownKeyId,
    /// There is no `kid`.
    NoKeyId,
    /// `typ` is that of an access token.
    WrongType,
    /// `crit` names an unknown extension.
    Critical,
    /// `at_hash` is of another access token.
    BadAtHash,
    /// `at_hash` is missing.
    MissingAtHash,
    /// `c_hash` is of another code.
    BadCodeHash,

    // The redirect back: applied in `redirect.rs`.
    /// `iss` is another provider (mix-up attack).
    WrongCallbackIssuer,
    /// `iss` is missing although the metadata promises it.
    MissingCallbackIssuer,
    /// Harmless: `iss` is neither promised nor sent.
    NoCallbackIssuer,
    /// Harmless: a further parameter `session_state`.
    SessionState,
    /// `state` comes twice.
    DuplicateState,
    /// `code` comes twice.
    DuplicateCode,
    /// `state` is not the one that was sent.
    WrongState,
    /// `state` is missing.
    MissingState,
    /// Instead of a code comes this error.
    AuthorizationError(&'static str),

    // The metadata: applied in `discovery.rs`.
    /// `issuer` is another provider.
    AnotherIssuer,
    /// Harmless if ignored: `none` and HS256 are among the algorithms.
    AdvertisesNone,
    /// Harmless if ignored: PKCE only with `plain`.
    AdvertisesPlain,
    /// The endpoints are `http://`.
    HttpEndpoints,
    /// `jwks_uri` is missing.
    NoJwksUri,
    /// The token endpoint is where nobody listens.
    TokenEndpointGone,
    /// Harmless: there is no device grant.
    NoDeviceEndpoint,
    /// The device endpoint is `http://`.
    HttpDeviceEndpoint,

    // The JWK set: applied in `jwks.rs`.
    /// Harmless: a thousand keys, the good ones last.
    ThousandKeys,
    /// Harmless: each key id belongs to a foreign key, too.
    DuplicateKeyIds,
    /// Harmless: of all keys the one that signs.
    SingleKey,
    /// Harmless: no key has an id (set `NoKeyId`, too).
    KeysWithoutIds,
    /// Harmless: unknown types, secrets, encryption keys and broken keys among the good ones.
    UnusableKeys,
    /// Harmless, up to what is read: exactly this many bytes of it.
    BytesOfKeys(usize),
    /// Five megabytes of it.
    FiveMegabytesOfKeys,
    /// No keys at all.
    NoKeys,

    // Token answers: applied in `token_answer.rs`, orders to refuse and to keep a refresh token in `token.rs`.
    /// This status and this OAuth error, whatever was asked.
    TokenError(u16, &'static str),
    /// Harmless: `token_type` is `bearer`.
    LowerCaseBearer,
    /// `token_type` is `mac`.
    MacTokenType,
    /// There is no ID token.
    NoIdToken,
    /// Harmless: no refresh token.
    NoRefreshToken,
    /// Harmless: a refresh gives no ID token.
    RefreshWithoutIdToken,
    /// A refreshed ID token has another `sub`.
    RefreshedAnotherSubject,
    /// A refreshed ID token has another `iss`.
    RefreshedAnotherIssuer,
    /// Harmless: a refresh does not rotate the refresh token, and the answer has none.
    RefreshWithoutRotation,

    // Introspection: applied in `about.rs`.
    /// This member has this value in answers about active tokens; null leaves it out.
    IntrospectedMember(&'static str, serde_json::Value),
    /// The answer is a JWT (RFC 9701).
    SignedIntrospection,
    /// Harmless: JWTs are refused as no kind of token that is told of.
    NoJwtsIntrospected,

    // Userinfo: applied in `about.rs`, what tokens lack in `token_answer.rs`.
    /// Harmless: ID and access tokens lack this claim, which userinfo has.
    TokensLack(&'static str),
    /// This member has this value; null leaves it out.
    UserinfoMember(&'static str, serde_json::Value),
    /// This status, with a correct body.
    UserinfoStatus(u16),
    /// The answer is a JWT (OpenID Connect Core 5.3.2).
    SignedUserinfo,
    /// The answer is an encrypted JWT.
    EncryptedUserinfo,
    /// The answer is an array that holds the right one.
    UserinfoArray,
    /// `sub` is another person.
    ForeignUserinfo,

    // Any endpoint: applied in `transport.rs`, `Slow` at the gate.
    /// Status 500 with an HTML page.
    ServerError(Endpoint),
    /// This status with an HTML page, as a firewall in front of it answers.
    HtmlPage(Endpoint, u16),
    /// The body goes on for 64 MiB.
    EndlessBody(Endpoint),
    /// The body comes byte by byte, one in a hundredth of a second, and never ends.
    Drip(Endpoint),
    /// The first member of the object is given again at its end, with another value.
    DuplicateMember(Endpoint),
    /// Before the right members comes one that is a hundred thousand arrays deep.
    DeepNesting(Endpoint),
    /// The right body after a byte order mark.
    ByteOrderMark(Endpoint),
    /// The right body in UTF-16, and labelled so.
    Utf16(Endpoint),
    /// The body is gzip: a kilobyte for each megabyte, 64 in all.
    CompressedBomb(Endpoint),
    /// The right body with `Content-Type: text/html`.
    WrongContentType(Endpoint),
    /// JSON is announced, something else comes.
    NotJson(Endpoint),
    /// A redirect to where the honest answer is.
    Redirect(Endpoint),
    /// The connection breaks in the middle of the body.
    BrokenOff(Endpoint),
    /// No answer until `release`.
    Slow(Endpoint),
    /// Harmless, up to what is waited for: the answer takes this long.
    AnswersAfter(Endpoint, Duration),
}
