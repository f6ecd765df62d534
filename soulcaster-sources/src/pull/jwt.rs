//! Signed tokens that some vendors take instead of a password.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

/// A private key.
pub(super) enum Key {
    /// ES256: P-256, as Apple gives it.
    Ecdsa(Box<EcdsaKeyPair>),
    /// RS256, as Google gives it.
    Rsa(Box<RsaKeyPair>),
}

impl Key {
    /// Reads a P-256 key in PKCS#8 PEM.
    pub(super) fn ecdsa(operation: &'static str, pem: &Secret) -> Result<Self> {
        let der = der(pem).ok_or_else(|| unread(operation))?;
        // Without the source: nothing about the key is told.
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
        Ok(Self::Ecdsa(Box::new(pair.map_err(|_| unread(operation))?)))
    }

    /// Reads an RSA key in PKCS#8 PEM.
    pub(super) fn rsa(operation: &'static str, pem: &Secret) -> Result<Self> {
        let der = der(pem).ok_or_else(|| unread(operation))?;
        let pair = RsaKeyPair::from_pkcs8(&der);
        Ok(Self::Rsa(Box::new(pair.map_err(|_| unread(operation))?)))
    }

    /// Signs `claims`; `id` names the key.
    pub(super) fn sign(&self, operation: &'static str, id: Option<&str>, claims: &Value) -> Result<Secret> {
        let algorithm = match self {
            Self::Ecdsa(_) => "ES256",
            Self::Rsa(_) => "RS256",
        };
        let mut header = json!({"alg": algorithm, "typ": "JWT"});
        if let Some(id) = id {
            header["kid"] = id.into();
        }
        let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
        let signed =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ecdsa(key) => {
                key.sign(&random, signed.as_bytes()).map(|signature| signature.as_ref().to_vec())
            }
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).map(|()| signature)
            }
        };
        let signature = signature
            .map_err(|_| Error::new(ErrorKind::Unexpected, operation, "the private key does not sign"))?;
        Ok(Secret::new(format!("{signed}.{}", encode(&signature))))
    }
}

fn unread(operation: &'static str) -> Error {
    Error::invalid(
        operation,
        "the private key cannot be read; give it as PEM with BEGIN PRIVATE KEY (PKCS#8)",
    )
}

fn der(pem: &Secret) -> Option<Vec<u8>> {
    let (_, rest) = pem.expose().split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    BASE64_STANDARD.decode(body).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    };

    fn pem(der: &[u8]) -> Secret {
        let body = BASE64_STANDARD.encode(der);
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
    }

    /// A new P-256 key.
    pub(in crate::pull) fn ecdsa_pem() -> Secret {
        let key =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        pem(key.as_ref())
    }

    /// A new RSA key.
    pub(in crate::pull) fn rsa_pem() -> Secret {
        let key = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        pem(der.as_ref())
    }

    /// Header and claims of a token that `key` signed.
    pub(in crate::pull) fn verify(key: &Key, token: &str) -> (Value, Value) {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        match key {
            Key::Ecdsa(pair) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
                .verify(signed.as_bytes(), &signature)
                .unwrap(),
            Key::Rsa(pair) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
                .verify(signed.as_bytes(), &signature)
                .unwrap(),
        }
        let (header, claims) = signed.split_once('.').unwrap();
        let read = |part| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        (read(header), read(claims))
    }

    #[test]
    fn signatures_verify() {
        let (ec, rsa) = (ecdsa_pem(), rsa_pem());
        for (key, algorithm) in
            [(Key::ecdsa("test", &ec).unwrap(), "ES256"), (Key::rsa("test", &rsa).unwrap(), "RS256")]
        {
            let token = key.sign("test", Some("k1"), &json!({"iss": "me"})).unwrap();
            let (header, claims) = verify(&key, token.expose());
            assert_eq!(header, json!({"alg": algorithm, "typ": "JWT", "kid": "k1"}));
            assert_eq!(claims, json!({"iss": "me"}));
        }
    }

    #[test]
    fn unfit_keys_are_refused_without_being_repeated() {
        let swordfish = "-----BEGIN PRIVATE KEY-----\nc3dvcmRmaXNo\n-----END PRIVATE KEY-----";
        for bad in ["", "swordfish", swordfish, "-----BEGIN PRIVATE KEY-----é-----END PRIVATE KEY-----"] {
            for error in
                [Key::ecdsa("test", &Secret::new(bad)).err(), Key::rsa("test", &Secret::new(bad)).err()]
            {
                let error = error.unwrap();
                assert!(
                    !format!("{error:?}").contains("c3dv") && !format!("{error:?}").contains("swordfish")
                );
            }
        }
        assert!(Key::rsa("test", &ecdsa_pem()).is_err());
    }
}
