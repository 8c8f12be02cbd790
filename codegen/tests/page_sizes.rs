// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! gcc and clang lay the generated headers out as the truth does for every page size, and place
//! bit-fields where the truth has them on machines of either byte order.

mod bindgen_reader;
#[allow(dead_code)] // Each test uses another part of it.
mod c;

use c::{bit_field_probe, compile, expected, includes, places, probed, COMPILERS};
use kho_abi_model::{compare, Header, Item, Model, Value};
use kho_abi_read::headers::TRIPLES;
use kho_abi_read::truth;
use std::path::{Path, PathBuf};

fn headers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-headers/include").canonicalize().unwrap()
}

/// The truth for every page size, with the flag that selects it in a stand-in.
fn truths() -> Vec<(String, Model)> {
    let truth = truth::current().unwrap();
    assert_eq!(truth.page_sizes(), [4096, 16384, 65536]);
    let sized = |size: &u64| {
        (format!("-DPAGE_SHIFT={}", size.trailing_zeros()), truth.with_page_size(*size).unwrap())
    };
    truth.page_sizes().iter().map(sized).collect()
}

#[test]
fn both_compilers_agree_for_every_page_size() {
    for (flag, truth) in truths() {
        let text = format!("{}{}", includes(&truth), places(&truth));
        for compiler in COMPILERS.iter().map(|compiler| compiler.name) {
            if let Err(said) = compile(compiler, &headers(), &text, &[&flag]) {
                panic!("{compiler} {flag}:\n{said}");
            }
        }
    }
}

/// The numbers of one page size fail for another: the assertions check them.
#[test]
fn both_compilers_refuse_the_numbers_of_another_page_size() {
    let truths = truths();
    let text = format!("{}{}", includes(&truths[0].1), places(&truths[0].1));
    for compiler in COMPILERS.iter().map(|compiler| compiler.name) {
        let said = compile(compiler, &headers(), &text, &[&truths[1].0]).unwrap_err();
        for name in ["KHO_BLOCK_SIZE", "KHO_TREE_MAX_DEPTH", "kho_vmalloc_chunk.phys"] {
            assert!(said.contains(name), "{compiler} does not name {name}:\n{said}");
        }
        assert!(!said.contains("\"luo_ser"), "{said}");
    }
}

#[test]
fn a_wrong_constant_is_refused_by_name() {
    let truth = truth::current().unwrap();
    let constants: Vec<_> = truth
        .headers
        .iter()
        .flat_map(Header::constants)
        .filter(|constant| constant.expr.is_some())
        .map(|constant| constant.name.clone())
        .collect();
    assert!(constants.len() >= 10, "{constants:?}");
    for wrong in constants {
        let mut model = truth.clone();
        for item in model.headers.iter_mut().flat_map(|header| &mut header.items) {
            let members = match item {
                Item::Constant(constant) => std::slice::from_mut(constant),
                Item::Enum(enumeration) => &mut enumeration.members,
                Item::Record(_) | Item::Macro(_) => continue,
            };
            for member in members.iter_mut().filter(|member| member.name == wrong) {
                let Value::Int(value) = &mut member.value else { panic!("{wrong} is a string") };
                *value += 1;
            }
        }
        let text = format!("{}{}", includes(&model), places(&model));
        let said = compile("gcc", &headers(), &text, &[]).unwrap_err();
        assert!(said.contains(&format!("\"{wrong}\"")), "{wrong} is not named:\n{said}");
    }
}

const VALUES: &[(&str, u64)] = &[("pfn", 0x000f_edcb_a987_6543), ("flags", 0xa5c)];

#[test]
fn bit_fields_lie_where_the_truth_says_on_either_byte_order() {
    let truth = truth::current().unwrap();
    let record = truth.record("memfd_luo_folio_ser").unwrap();
    let text = format!("{}{}", includes(&truth), bit_field_probe(record, VALUES));
    let big = cfg!(target_endian = "big");
    let object = compile("gcc", &headers(), &text, &[]).unwrap();
    assert_eq!(probed(&object, record.size), expected(record, VALUES, big));
    for triple in TRIPLES {
        let big = triple.starts_with("s390x");
        let target = format!("--target={triple}");
        let object = compile("clang", &headers(), &text, &[&target]).unwrap();
        let found = probed(&object, record.size);
        assert_eq!(found, expected(record, VALUES, big), "{triple}");
        assert_ne!(found, expected(record, VALUES, !big), "{triple}");
    }
}

#[test]
fn the_accessors_make_the_bytes_that_c_makes() {
    use kho_abi::wire::memfd::memfd_luo_folio_ser;
    use zerocopy::{FromZeros as _, IntoBytes as _};
    let truth = truth::current().unwrap();
    let record = truth.record("memfd_luo_folio_ser").unwrap();
    let text = format!("{}{}", includes(&truth), bit_field_probe(record, VALUES));
    let object = compile("gcc", &headers(), &text, &[]).unwrap();
    let mut folio = memfd_luo_folio_ser::new_zeroed();
    folio.set_pfn(VALUES[0].1).unwrap();
    folio.set_flags(VALUES[1].1).unwrap();
    assert_eq!(folio.as_bytes(), probed(&object, record.size));
}

/// The helper macros do what their prose says, with the test's own linear mapping.
#[test]
fn the_pointer_macros_store_and_load_addresses() {
    let text = "\
        #include <linux/kho/abi/kexec_handover.h>\n\
        #define virt_to_phys(p) ((u64)(unsigned long)(p) - 4096)\n\
        #define phys_to_virt(a) ((void *)(unsigned long)((a) + 4096))\n\
        struct kho_vmalloc_chunk *there(struct kho_vmalloc *v, struct kho_vmalloc_chunk *c);\n\
        struct kho_vmalloc_chunk *there(struct kho_vmalloc *v, struct kho_vmalloc_chunk *c)\n\
        { const struct kho_vmalloc *w = v; KHOSER_STORE_PTR(v->first, c);\n\
        return KHOSER_LOAD_PTR(w->first); }\n";
    for compiler in COMPILERS.iter().map(|compiler| compiler.name) {
        compile(compiler, &headers(), text, &[]).unwrap();
        // A pointer to another type is not stored.
        let wrong = text.replace("struct kho_vmalloc_chunk *c", "struct kho_vmalloc_hdr *c");
        let said = compile(compiler, &headers(), &wrong, &[]).unwrap_err();
        assert!(said.contains("incompatible"), "{compiler}: {said}");
    }
}

#[test]
fn libclang_reads_what_was_written_for_every_page_size() {
    for (flag, truth) in truths() {
        let read = bindgen_reader::read_generated(&truth, TRIPLES[1]).unwrap();
        assert_eq!(compare::differences(&truth, &read), [], "{flag}");
        // The reader reports which structs it does not fully know.
        let undetermined: Vec<_> = read.records().filter(|(_, r)| r.bit_fields_unknown).collect();
        assert_eq!(undetermined.len(), 1);
        assert_eq!(undetermined[0].1.name, "memfd_luo_folio_ser");
    }
}
