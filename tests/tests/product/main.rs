//! The product as its users meet it: real processes, real HTTP, real stores.

mod walk;
