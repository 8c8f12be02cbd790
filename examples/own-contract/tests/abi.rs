// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The C header, its KUnit suite and the frozen layouts are what the types say.

use kho_abi_codegen::own::WireCrate;

#[test]
fn the_abi_is_what_was_agreed_on() {
    WireCrate::new(env!("CARGO_MANIFEST_DIR"), "src", own_contract::HEADERS).hold();
}
