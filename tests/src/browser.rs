//! A browser as far as forms and cookies go: it keeps what it is given, and sends forms with the token of their page.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::http::{Answer, Client, percent};

/// A browser with cookies of its own.
pub struct Browser {
    client: Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// A new one, for a server that the client reaches. Redirects are answers.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, cookies: Mutex::default() }
    }

    /// The same cookies, through a client that reaches another server or says something else.
    #[must_use]
    pub fn through(&self, client: Client) -> Self {
        Self { client, cookies: Mutex::new(self.cookies.lock().unwrap().clone()) }
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Puts a cookie in, or takes it away.
    pub fn set_cookie(&self, name: &str, value: Option<&str>) {
        let mut cookies = self.cookies.lock().unwrap();
        match value {
            Some(value) => cookies.insert(name.to_owned(), value.to_owned()),
            None => cookies.remove(name),
        };
    }

    /// Loads a page.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.kept(self.sending().get(path))
    }

    /// Sends a form as it is.
    #[must_use]
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
        let client = self.sending().header("content-type", "application/x-www-form-urlencoded");
        self.kept(client.send("POST", path, Some(pairs.join("&").as_bytes())))
    }

    /// The token of the forms on a page.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn token(&self, page: &str) -> String {
        let html = self.get(page).expect(200).text();
        let (_, rest) = html.split_once("name=\"csrf\" value=\"").expect("a form with a token");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Loads the sign-in page and sends its form.
    #[must_use]
    pub fn sign_in(&self, email: &str, password: &str) -> Answer {
        let token = self.token("/sign-in");
        self.post("/sign-in", &[("csrf", &token), ("email", email), ("password", password)])
    }

    /// Whether it is signed in.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        match self.get("/") {
            answer if answer.status == 200 => true,
            answer => {
                assert_eq!(answer.header("location"), Some("/sign-in"), "{answer:?}");
                false
            }
        }
    }

    fn sending(&self) -> Client {
        let cookies = self.cookies.lock().unwrap();
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() {
            self.client.clone()
        } else {
            self.client.clone().header("cookie", &pairs.join("; "))
        }
    }

    /// Keeps the cookies of an answer.
    fn kept(&self, answer: Answer) -> Answer {
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap();
            let is_removal = value.is_empty() || rest.contains("Max-Age=0");
            self.set_cookie(name, Some(value).filter(|_| !is_removal));
        }
        answer
    }
}
