// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Unusual, wrong or hostile headers give a reading that lists what it lacks, or an error.

use kho_abi_model::{Field, Packing, Record, RecordKind, Type, Value};
use kho_abi_read::headers::{self, HeaderError};
use kho_abi_read::source::{Options, Reading, SourceError};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

fn files(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, text)| ((*name).to_string(), text.as_bytes().to_vec())).collect()
}

fn try_read(text: &str) -> Result<Reading, SourceError> {
    headers::read_files(&files(&[("x.h", text)]), &Options::default())
}

/// Reads a header that has its own string before the text.
fn read(text: &str) -> Reading {
    try_read(&format!("#define X_COMPATIBLE \"x-v1\"\n{text}")).unwrap_or_else(|e| panic!("{e}"))
}

/// The gaps, by name.
fn gaps(reading: &Reading) -> Vec<&str> {
    reading.gaps.iter().map(|gap| gap.item.as_str()).collect()
}

fn fields(record: &Record) -> Vec<(&str, u64, u64)> {
    let told = |field: &Field| (field.bit_offset, field.bit_size);
    record.fields.iter().map(|f| (f.name.as_str(), told(f).0, told(f).1)).collect()
}

#[test]
fn c_has_more_than_the_truth_uses() {
    let reading = read(
        "typedef struct { u8 a; u64 b; } __packed pair_t;\n\
         typedef u8 uuid_t[16];\n\
         enum kind { KIND_A, KIND_B = 5, KIND_C };\n\
         struct bits {\n\tu64 a:52, :3, c:9;\n\tu32 one:1;\n\tu32 :0;\n\tu32 two:31;\n};\n\
         struct many {\n\tpair_t pairs[2];\n\tenum kind kind;\n\tunion { u8 c; u32 d; };\n\
         \tstruct { u16 e; } f[2];\n\tuuid_t ids[2];\n\tbool flag;\n\tvoid (*call)(int);\n\
         \tconst char *text;\n\ts16 grid[2][3];\n\tu64 rest[];\n};\n\
         struct wide { u8 x; } __aligned(16);\n\
         #pragma pack(push, 1)\nstruct by_pragma { u8 a; u64 b; };\n#pragma pack(pop)\n\
         union either { u64 a; u8 b[3]; };\n",
    );
    assert_eq!(reading.gaps, []);
    let record = |name| reading.model.record(name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(fields(record("pair_t")), [("a", 0, 8), ("b", 8, 64)]);
    assert_eq!(record("pair_t").packing, Packing::Packed);
    let bits = record("bits");
    assert_eq!(fields(bits), [("a", 0, 52), ("c", 55, 9), ("one", 64, 1), ("two", 96, 31)]);
    assert!(bits.fields.iter().all(|field| field.bit_field));
    let many = record("many");
    let types: Vec<_> = many.fields.iter().map(|field| field.ty.spelling()).collect();
    assert_eq!(
        types,
        [
            "struct pair_t[2]",
            "u32",
            "union many.0",
            "struct many.f[2]",
            "u8[2][16]",
            "u8",
            "void *",
            "void *",
            "s16[2][3]",
            "u64[0]",
        ]
    );
    assert_eq!(many.fields[2].name, "");
    assert_eq!(record("many.0").kind, RecordKind::Union);
    assert_eq!(fields(record("many.f")), [("e", 0, 16)]);
    assert_eq!((record("wide").size, record("wide").align), (16, 16));
    let by_pragma = record("by_pragma");
    assert_eq!((by_pragma.packing, by_pragma.size), (Packing::Packed, 9));
    assert_eq!(fields(record("either")), [("a", 0, 64), ("b", 0, 24)]);
    let value = |name| reading.model.constant(name).map(|constant| constant.value.clone());
    assert_eq!(value("KIND_C"), Some(Value::Int(6)));
    assert_eq!(reading.model.owners("many.f"), ["x-v1"]);
}

#[test]
fn values_are_what_clang_computes() {
    let reading = read(
        "#include <linux/bits.h>\n#define A (1 + 2 * 3)\n#define B BIT(63)\n#define C (-5)\n#define D 'x'\n\
         #define E \"a\" \"\\x01\\\"\"\n#define F sizeof(struct x)\n#define G A\n#define H 0xffUL\n\
         #define I (A > 3 ? \"yes\" : \"no\")\n#define EMPTY\n#define J u64\n#define K NOT_THERE\n\
         #define L(a) (a)\n#define M ~0ULL\n#define N \"\\xff\"\n\
         #ifdef CONFIG_X\n#define O 1\n#endif\n#define P (1;| 2)\n#define Q \"a\" 1\n#define R \"a\";\n#define S \"a\", \"b\"\nstruct x { u8 a[A]; };\n",
    );
    let value = |name| reading.model.constant(name).map(|constant| constant.value.clone());
    let int = |number| Some(Value::Int(number));
    assert_eq!(value("A"), int(7));
    assert_eq!(value("B"), int(1 << 63));
    assert_eq!(value("C"), int(-5));
    assert_eq!(value("D"), int(120));
    assert_eq!(value("E"), Some(Value::Str("a\u{1}\"".into())));
    assert_eq!(value("F"), int(7));
    assert_eq!(value("G"), int(7));
    assert_eq!(value("H"), int(255));
    assert_eq!(value("M"), int(u64::MAX.into()));
    // Everything without a value is listed, with the reason; empty macros are ignored.
    assert_eq!(gaps(&reading), ["I", "J", "K", "N", "O", "P", "Q", "R", "S"]);
    assert!(reading.gaps[2].why.contains("NOT_THERE"), "{:?}", reading.gaps);
    assert!(reading.gaps[4].why.contains("CONFIG_X"), "{:?}", reading.gaps);
    let place = reading.model.constant("G").unwrap().place.clone().unwrap();
    assert_eq!(place.to_string(), "x.h:9");
}

#[test]
fn one_wrong_struct_leaves_the_others() {
    let reading = read(
        "struct good { u8 a; };\nstruct bad {\n\tnothing_known b;\n};\n\
         struct holds { struct bad bad; };\nstruct far {\n\tstruct elsewhere e;\n};\n\
         #define LEN 4\nstruct sized { u8 a[MISSING_LEN]; };\nstruct last { u8 a[LEN]; };\n",
    );
    let names: Vec<_> = reading.model.records().map(|(_, r)| r.name.clone()).collect();
    assert_eq!(names, ["good", "last"]);
    for name in ["bad", "holds", "far", "sized"] {
        assert!(gaps(&reading).contains(&name), "{name}: {:?}", reading.gaps);
    }
    let bad = reading.gaps.iter().find(|gap| gap.item == "bad").unwrap();
    assert_eq!(bad.why, "x.h:4: unknown type name 'nothing_known'");
}

#[test]
fn a_typing_error_is_not_corrected() {
    let reading = read("struct x {\n\tu65 a;\n};\nstruct y { u8 a; };\n");
    assert_eq!(reading.model.record("x"), None);
    assert!(reading.model.record("y").is_some());
}

#[test]
fn what_one_header_includes_and_nobody_has_is_said() {
    let reading =
        read("#include <linux/unheard_of.h>\n#include \"beside.h\"\nstruct x { u8 a; };\n");
    assert!(reading.model.record("x").is_some());
    let whys: Vec<_> = reading.gaps.iter().map(|gap| gap.why.as_str()).collect();
    assert!(whys[0].contains("beside.h") && whys[1].contains("linux/unheard_of.h"), "{whys:?}");
}

#[test]
fn a_wrong_header_leaves_the_others() {
    let broken = "#define BAD_COMPATIBLE \"bad-v1\"\n#define LEN 4\nstruct bad {\n\tu8 a;\n";
    let good = "#define GOOD_COMPATIBLE \"good-v1\"\nstruct good { u8 a; };\n";
    let reading =
        headers::read_files(&files(&[("a.h", broken), ("b.h", good)]), &Options::default())
            .unwrap();
    assert_eq!(reading.model.owners("good"), ["good-v1"]);
    // What comes before the wrong part is read, and the header is reported as incomplete.
    assert!(reading.model.contract("bad-v1").is_some());
    assert!(reading.model.constant("LEN").is_some() && reading.model.record("bad").is_none());
    for name in ["linux/kho/abi/a.h", "bad"] {
        assert!(gaps(&reading).contains(&name), "{name}: {:?}", reading.gaps);
    }
    let bad = &reading.model.headers[0].declarations[2];
    assert_eq!((bad.name.as_str(), bad.tokens.as_str()), ("bad", "struct bad { u8 a"));
    assert!(bad.unproven.is_some());
}

#[test]
fn contracts_are_told_and_not_guessed() {
    let several =
        "#define A_COMPATIBLE \"a-v1\"\n#define B_COMPATIBLE \"b-v1\"\nstruct x { u8 a; };\n";
    let none = "struct y { u8 a; };\n";
    let one = "#define C_COMPATIBLE \"c-v1\"\n#define C_LEN 3\nstruct z { u8 a[C_LEN]; };\n";
    let named = files(&[("a.h", several), ("luo.h", none), ("c.h", one)]);
    let reading = headers::read_files(&named, &Options::default()).unwrap();
    let gap = |item| reading.gaps.iter().find(|gap| gap.item == item).map(|gap| gap.why.clone());
    // If nothing decides between several strings, they own it together, and each says so.
    assert_eq!(gap("linux/kho/abi/a.h"), None);
    let shared = reading.model.contracts().filter(|(_, c)| c.shared.iter().any(|name| name == "x"));
    assert_eq!(shared.count(), 2);
    let why = gap("linux/kho/abi/luo.h").unwrap();
    assert!(why.contains("has no version"), "{why}");
    let (_, contract) = reading.model.contract("c-v1").unwrap();
    assert_eq!(
        (contract.roots.as_slice(), contract.constants.as_slice()),
        (&["z".to_string()][..], &["C_LEN".to_string()][..])
    );
    assert_eq!(reading.model.owners("x"), ["a-v1", "b-v1"]);
}

/// The truth knows the owner of a struct, whatever the string, and wherever the struct is.
#[test]
fn known_headers_keep_their_contracts_under_other_strings() {
    let kho = "#include <linux/kho/abi/block.h>\n#define KHO_FDT_COMPATIBLE \"kho-v9\"\n\
               struct kho_vmalloc { u64 first; };\nstruct kho_new { u8 a; };\n";
    let block = "struct kho_block_header_ser { u64 next; };\n";
    let metadata = "#define KHO_KEXEC_METADATA_VERSION 7\nstruct kho_kexec_metadata { u8 a; };\n";
    let named =
        files(&[("kexec_handover.h", kho), ("block.h", block), ("kexec_metadata.h", metadata)]);
    let reading = headers::read_files(&named, &Options::default()).unwrap();
    assert_eq!(reading.gaps, []);
    for name in ["kho_vmalloc", "kho_new", "kho_block_header_ser"] {
        assert_eq!(reading.model.owners(name), ["kho-v9"], "{name}");
    }
    assert_eq!(reading.model.owners("kho_kexec_metadata"), ["kexec-metadata-v7"]);
}

#[test]
fn hostile_text_is_an_error_or_a_reading() {
    let deep = "(".repeat(100_000);
    let long = "1+".repeat(200_000);
    let many: Vec<_> = (0..5_000).map(|n| format!("struct s{n} {{ u8 a; }};\n")).collect();
    let stars = "*".repeat(10_000);
    let nested = format!("{}u8 a;{}", "struct {".repeat(5_000), "} b;".repeat(5_000));
    let laughs: Vec<_> =
        (1..40).map(|level| format!("#define A{level} A{0} A{0}\n", level - 1)).collect();
    let (many, laughs) = (many.concat(), laughs.concat());
    for text in [
        "/* never closed".into(),
        "#error no\n".into(),
        "struct x {".into(),
        "#include \"x.h\"\n".into(),
        "#include X_COMPATIBLE\n".into(),
        "#include \"/dev/zero\"\n".into(),
        "#include \"/etc/passwd\"\nstruct x { u8 a; };\n".into(),
        "#include \"../../../../etc/passwd\"\n".into(),
        "#define INC \"/dev/stdin\"\n#include INC\n".into(),
        "#embed \"/etc/passwd\"\n".into(),
        "static const char secret[] = {\n#embed \"/etc/passwd\"\n};\n".into(),
        "#if __has_include(\"/etc/passwd\")\n#error it is there\n#endif\nstruct x { u8 a; };\n"
            .into(),
        "#pragma GCC dependency \"/etc/passwd\"\n".into(),
        "asm(\".incbin \\\"/etc/passwd\\\"\");\n".into(),
        "struct x { u8 a[0xffffffffffffffff]; };\n".into(),
        "struct x { u8 a[0x7fffffffffff]; u8 b[0x7fffffffffff]; };\n".into(),
        "struct x { u8 a[-1]; };\n".into(),
        "struct x { u64 a:65; u64 b:-1; };\n".into(),
        "struct x { struct x y; };\n".into(),
        "#define enum struct\nstruct x { u8 a; };\n".into(),
        "#define sizeof(x) 1\nstruct x { u64 a; };\n".into(),
        "#define u64 u8\nstruct x { u64 a; };\n".into(),
        "#define A }; #error\n#define B \"\n#define C (\nstruct x { u8 a; };\n".into(),
        "#line 1 \"/etc/passwd\"\nstruct x { u8 a; };\n".into(),
        "\0\u{feff}\u{202e}struct \u{e9} { u8 a; };\n".into(),
        format!("#define A {deep}\n"),
        format!("#define A {long}1\n"),
        format!("enum {{ E = {long}1 }};\n"),
        format!("struct x {{ u8 {stars}a; }};\n"),
        format!("#define A0\n{laughs}struct x {{ u8 a; A39 }};\n"),
        many,
        nested,
    ] {
        let shown: String = text.chars().take(60).collect();
        match try_read(&format!("#define X_COMPATIBLE \"x-v1\"\n{text}")) {
            Ok(reading) => {
                // There are not more items than characters in the text, whatever the text expands
                // to.
                let items = reading.model.headers.iter().map(|h| h.items.len()).sum::<usize>();
                assert!(items + reading.gaps.len() <= text.len(), "{shown}");
                for (_, record) in reading.model.records() {
                    let end = record.fields.iter().map(|f| f.bit_offset + f.bit_size).max();
                    assert!(end.unwrap_or(0) <= record.size * 8, "{shown}");
                }
                let told = format!("{reading:?}");
                assert!(!told.contains("root:"), "{shown}");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn what_clang_refuses_costs_itself_and_has_its_place() {
    let reading = read("#error no such thing\nstruct x { u8 a; };\n");
    assert!(reading.model.record("x").is_some());
    assert_eq!(reading.gaps[0].why, "x.h:2: no such thing");
    let reading = read("struct x {\n\tu8 a\n\tu8 b;\n};\nstruct y { u8 a; };\n");
    assert!(reading.model.record("x").is_none() && reading.model.record("y").is_some());
    assert!(reading.gaps[0].why.starts_with("x.h:3: "), "{:?}", reading.gaps);
    let unproven = |name: &str| {
        let mut all = reading.model.headers[0].declarations.iter();
        all.find(|declaration| declaration.name == name).unwrap().unproven.clone()
    };
    assert_eq!(unproven("x"), Some(reading.gaps[0].why.clone()));
    assert_eq!(unproven("y"), None);
}

/// Each header is separate: its types, and the values of its macros.
#[test]
fn two_headers_may_have_one_name() {
    let one = "#define ONE_COMPATIBLE \"one-v1\"\n#define LEN 4\nstruct ser { u8 a[LEN]; };\n";
    let other =
        "#define OTHER_COMPATIBLE \"other-v1\"\n#define LEN 8\nstruct ser { u8 b[LEN]; };\n";
    let reading =
        headers::read_files(&files(&[("one.h", one), ("other.h", other)]), &Options::default())
            .unwrap();
    assert_eq!(reading.gaps, []);
    let sizes: Vec<_> = reading.model.records().map(|(_, record)| record.size).collect();
    assert_eq!(sizes, [4, 8]);
    let values: Vec<_> =
        reading.model.headers.iter().map(|h| h.constants().last().unwrap().value.clone()).collect();
    assert_eq!(values, [Value::Int(4), Value::Int(8)]);
}

/// What depends on the configuration is kept as text, with its condition.
#[test]
fn what_the_configuration_decides_is_not_proven() {
    let reading = read(
        "#if IS_ENABLED(CONFIG_A)\n#define LEN 1\n#else\n#define LEN 2\n#endif\nstruct x {\n\tu8 a;\n\
         #ifdef CONFIG_B\n\tu8 b;\n#endif\n};\nstruct y { u8 a; };\n",
    );
    let told: Vec<_> = reading.model.headers[0]
        .declarations
        .iter()
        .map(|d| (d.name.as_str(), d.condition.as_str(), d.unproven.is_some()))
        .collect();
    assert_eq!(
        told,
        [
            ("X_COMPATIBLE", "", false),
            ("LEN", "IS_ENABLED ( CONFIG_A )", true),
            ("LEN", "! ( IS_ENABLED ( CONFIG_A ) )", true),
            ("x", "", true),
            ("y", "", false),
        ]
    );
    assert_eq!(reading.model.record("x").unwrap().size, 1);
}

/// A macro that changes the meaning of a question makes two answers contradict each other.
#[test]
fn a_header_that_bends_the_questions_is_not_believed() {
    let reading = read("struct x { u64 a; };\n#define sizeof(x) 1\n#define _Alignof(x) 1\n");
    assert_eq!(reading.model.record("x"), None);
    assert!(gaps(&reading).contains(&"x"), "{:?}", reading.gaps);
}

#[test]
fn directories_are_read_within_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let error = headers::read_dir(&dir.path().join("none"), &Options::default()).unwrap_err();
    assert!(matches!(error, SourceError::Headers(HeaderError::Io { .. })), "{error}");
    let error = headers::read_dir(dir.path(), &Options::default()).unwrap_err();
    assert!(matches!(error, SourceError::Headers(HeaderError::NoHeaders { .. })), "{error}");
    // Not every header belongs to the ABI.
    fs::write(dir.path().join("stdio.h"), "struct x { int a; };\n").unwrap();
    let error = headers::read_dir(dir.path(), &Options::default()).unwrap_err();
    assert!(matches!(error, SourceError::Headers(HeaderError::NoHeaders { .. })), "{error}");

    let abi = dir.path().join("include/linux/kho/abi");
    fs::create_dir_all(&abi).unwrap();
    fs::write(abi.join("x.h"), "#define X_COMPATIBLE \"x-v1\"\nstruct x { u8 a; };\n").unwrap();
    symlink("/etc/passwd", abi.join("leads_away.h")).unwrap();
    fs::write(dir.path().join("other"), "#define Z_COMPATIBLE \"z-v1\"\nstruct z { u8 a; };\n")
        .unwrap();
    symlink("../../../../other", abi.join("leads_on.h")).unwrap();
    symlink("leads_round.h", abi.join("leads_round.h")).unwrap();
    fs::create_dir(abi.join("directory.h")).unwrap();
    let reading = headers::read_dir(dir.path(), &Options::default()).unwrap();
    let record = reading.model.record("x").unwrap();
    assert_eq!(record.place.as_ref().unwrap().file, abi.join("x.h").display().to_string());
    assert_eq!(reading.model.owners("z"), ["z-v1"]);
    for name in ["leads_away", "leads_round", "directory"] {
        let item = format!("linux/kho/abi/{name}.h");
        assert!(gaps(&reading).contains(&item.as_str()), "{name}: {:?}", reading.gaps);
    }

    fs::write(abi.join("y.h"), vec![b' '; (1 << 20) + 1]).unwrap();
    let error = headers::read_dir(dir.path(), &Options::default()).unwrap_err();
    assert!(matches!(error, SourceError::Headers(HeaderError::TooLong { .. })), "{error}");
}

#[test]
fn machines_and_page_sizes_are_checked() {
    let files = files(&[(
        "x.h",
        "#define X_COMPATIBLE \"x-v1\"\n#define P PAGE_SIZE\n#include <asm/page.h>\n",
    )]);
    let options = |triple: &str, page_size| Options {
        triple: Some(triple.into()),
        page_size: Some(page_size),
        ..Options::default()
    };
    let arm = "aarch64-unknown-linux-gnu";
    let reading = headers::read_files(&files, &options(arm, 65536)).unwrap();
    assert_eq!(reading.model.constant("P").unwrap().value, Value::Int(65536));
    assert_eq!(reading.model.target.page_size, Some(65536));
    for (triple, page_size) in [("i386-unknown-linux-gnu", 4096), ("--help", 4096), (arm, 8192)] {
        let error = headers::read_files(&files, &options(triple, page_size)).unwrap_err();
        assert!(!error.help().is_empty());
    }
}

#[test]
fn pointers_to_serialised_memory_are_told_from_other_unions() {
    let reading = read(
        "struct a {\n\tunion { u64 phys; struct b *ptr; } to;\n\tunion { u64 phys; void *ptr; } no;\n\
         \tunion { u64 phys; u64 ptr; } nor;\n};\n",
    );
    let types: Vec<_> = reading.model.record("a").unwrap().fields.iter().map(|f| &f.ty).collect();
    assert_eq!(types[0], &Type::KhoserPtr { to: "b".into() });
    assert!(matches!(types[1], Type::Union { .. }) && matches!(types[2], Type::Union { .. }));
}

/// Linux 6.19 has a part of the ABI in a header elsewhere.
#[test]
fn a_header_beside_the_abi_has_a_part_of_it() {
    let beside = "#include <linux/errno.h>\nstruct kho_vmalloc_chunk;\nstruct kho_vmalloc {\n\
                  \tunion { phys_addr_t phys; struct kho_vmalloc_chunk *ptr; } first;\n\tunsigned int pages;\n};\n\
                  static inline int f(void) { return -EOPNOTSUPP; }\n";
    let abi = "#include <linux/kexec_handover.h>\n#define MEMFD_LUO_FH_COMPATIBLE \"memfd-v1\"\n\
               struct memfd_luo_ser {\n\tu64 pos;\n\tstruct kho_vmalloc folios;\n} __packed;\n";
    let named = [
        ("include/linux/kho/abi/memfd.h", abi),
        ("include/linux/kexec_handover.h", beside),
        ("include/linux/other.h", "#error not looked at\n"),
    ];
    let check = |reading: &Reading, path: &str| {
        assert_eq!(reading.gaps, []);
        let record = reading.model.record("kho_vmalloc").unwrap();
        assert_eq!(record.place.as_ref().unwrap().to_string(), format!("{path}:3"));
        assert_eq!(record.fields[0].ty, Type::KhoserPtr { to: "kho_vmalloc_chunk".into() });
        assert_eq!(fields(reading.model.record("memfd_luo_ser").unwrap())[1], ("folios", 64, 128));
        assert_eq!(reading.model.owners("kho_vmalloc"), ["memfd-v1"]);
    };
    let reading = headers::read_files(&files(&named), &Options::default()).unwrap();
    check(&reading, "include/linux/kexec_handover.h");
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("include/linux/kho/abi")).unwrap();
    for (name, text) in named {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let reading = headers::read_dir(dir.path(), &Options::default()).unwrap();
    let path = dir.path().join("include/linux/kexec_handover.h");
    check(&reading, &path.display().to_string());
    // Without it, what embeds its struct is unknown.
    fs::remove_file(&path).unwrap();
    let reading = headers::read_dir(dir.path(), &Options::default()).unwrap();
    assert_eq!(reading.model.record("memfd_luo_ser"), None);
    assert!(gaps(&reading).contains(&"memfd_luo_ser"), "{:?}", reading.gaps);
}

/// Definitions that a header uses are taken from its kernel tree, unless they depend on the
/// configuration.
#[test]
fn what_is_missing_is_taken_from_the_tree() {
    let abi = "#include <asm/kvm.h>\n#include <linux/cpumask.h>\n#define X_COMPATIBLE \"x-v1\"\n\
               #define X_LEN (KVM_NR_THINGS + 1)\n\
               struct regs_ser { struct kvm_regs regs; kvm_small_t small[X_LEN]; };\n\
               struct mask_ser { cpumask_t mask; };\nstruct plain_ser { u8 a; };\n";
    let kvm = "#ifndef _X\n#define _X\n#include <linux/types.h>\n#include <linux/kvm_more.h>\n\
               struct kvm_regs {\n\t__u64 rax;\n\tstruct kvm_dtable gdt;\n#ifdef __BIG_ENDIAN_BITFIELD\n\
               \tu64 high:4, low:4;\n#else\n\tu64 low:4, high:4;\n#endif\n};\n#endif\n";
    let more =
        "struct kvm_dtable { __u64 base; kvm_small_t limit; };\ntypedef __u16 kvm_small_t;\n\
                #define KVM_NR_THINGS 3\n";
    let mask = "#define NR_CPUS CONFIG_NR_CPUS\ntypedef struct cpumask { unsigned long bits[NR_CPUS]; } cpumask_t;\n";
    let tree = [
        ("include/linux/kho/abi/x.h", abi),
        ("arch/x86/include/uapi/asm/kvm.h", kvm),
        ("include/uapi/linux/kvm_more.h", more),
        ("include/linux/cpumask.h", mask),
        ("include/linux/types.h", "#error not this one\n"),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in tree {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let options = Options { triple: Some("x86_64-unknown-linux-gnu".into()), ..Options::default() };
    let reading = headers::read_dir(dir.path(), &options).unwrap();
    let record = |name| reading.model.record(name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(
        fields(record("regs_ser")),
        [("regs", 0, 256), ("small", 256, 64)],
        "{:?}",
        reading.gaps
    );
    assert_eq!(fields(record("kvm_regs"))[2..], [("low", 192, 4), ("high", 196, 4)]);
    let place = record("kvm_regs").place.as_ref().unwrap().to_string();
    assert!(place.ends_with("arch/x86/include/uapi/asm/kvm.h:5"), "{place}");
    assert_eq!(reading.model.constant("X_LEN").unwrap().value, Value::Int(4));
    assert!(reading.model.record("plain_ser").is_some());
    assert!(reading.model.record("mask_ser").is_none());
    // The text of what depends on the configuration is still there.
    let declarations = &reading.model.headers[0].declarations;
    let of = |name: &str| declarations.iter().find(|d| d.name == name).unwrap();
    assert!(of("cpumask").unproven.is_some() && of("cpumask").tokens.contains("NR_CPUS"));
    assert!(of("mask_ser").unproven.is_some());
    // Another machine does not have such a header, and so nothing from it.
    let options = Options { triple: Some("aarch64-unknown-linux-gnu".into()), ..options };
    let reading = headers::read_dir(dir.path(), &options).unwrap();
    assert!(reading.model.record("regs_ser").is_none());
    assert!(reading.model.record("plain_ser").is_some());
}

#[test]
fn what_a_macro_makes_without_names_is_told_apart_by_what_is_around_it() {
    let reading = read(
        "#define PAIR(one, other) struct { u8 one; u64 other; } __packed; \\\n\
         \tunion { u16 one ## _or; u32 nothing; }\n\
         struct head {\n\tu16 first;\n\tstruct_group(both,\n\t\tu32 id;\n\t\tu16 state;\n\t);\n\
         \tPAIR(a, b);\n\tstruct { u8 x; } twice, again[3];\n};\n",
    );
    assert_eq!(reading.gaps, []);
    let record = |name| reading.model.record(name).unwrap_or_else(|| panic!("{name}"));
    let told: Vec<_> = record("head")
        .fields
        .iter()
        .map(|field| (field.ty.spelling(), field.bit_offset / 8, field.bit_size / 8))
        .collect();
    let told: Vec<_> = told.iter().map(|(ty, at, size)| (ty.as_str(), *at, *size)).collect();
    assert_eq!(
        told,
        [
            ("u16", 0, 2),
            ("union head.0", 4, 8),
            ("struct head.1", 12, 9),
            ("union head.2", 24, 4),
            ("struct head.twice", 28, 1),
            ("struct head.twice[3]", 29, 3),
        ]
    );
    assert_eq!(fields(record("head.0")), [("", 0, 64), ("both", 0, 64)]);
    assert_eq!(fields(record("head.0.0")), [("id", 0, 32), ("state", 32, 16)]);
    assert_eq!(fields(record("head.0.both")), [("id", 0, 32), ("state", 32, 16)]);
    assert_eq!(fields(record("head.1")), [("a", 0, 8), ("b", 8, 64)]);
    assert_eq!(fields(record("head.2")), [("a_or", 0, 16), ("nothing", 0, 32)]);
    // Its neighbours do not change the name of a nameless type.
    let after = read(
        "struct other { struct { u8 a; } x; };\n\
         struct head {\n\tstruct { struct { u8 a; } in; } out;\n\tunion { struct { u8 b; }; };\n};\n",
    );
    let names = |record: &Record| record.name.clone();
    let records = after.model.headers.iter().flat_map(kho_abi_model::Header::records);
    let names: Vec<_> = records.map(names).collect();
    for name in ["head.out", "head.out.in", "head.0", "head.0.0"] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }
}
