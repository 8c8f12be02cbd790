// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Changes of bytes that keep the string, each hidden in another way: none of them is fine.

use kho_abi_read::source::{Options as Reading, Tree};
use kho_abi_review::diff::{self, open};
use kho_abi_review::policy::{self, Options, Report};
use std::collections::BTreeMap;

const STRING: &str = "#define PORT_LUO_FH_COMPATIBLE \"port-v1\"\n";

fn header(body: &str) -> String {
    format!(
        "#ifndef _PORT_H\n#define _PORT_H\n\n#include <linux/types.h>\n#include <linux/stringify.h>\n\
         #include <linux/port.h>\n\n{body}\n#endif\n"
    )
}

/// The files of a tree, by path.
type Files<'a> = BTreeMap<&'a str, String>;

/// Compares the ABI headers of two trees.
fn judged_trees([old, new]: [Files<'static>; 2]) -> Report {
    let side = |name: &str, files: Files<'static>| {
        let abi = files.iter().filter(|(path, _)| path.contains("/kho/abi/"));
        let abi =
            abi.map(|(path, text)| ((*path).to_string(), text.clone().into_bytes())).collect();
        let tree = Tree::new(name, move |paths: &[String]| {
            let get =
                |path: &String| files.get(path.as_str()).map(|text| text.clone().into_bytes());
            paths.iter().map(|path| get(path).into()).collect()
        });
        let reading = Reading { tree: Some(tree), page_size: Some(4096), ..Reading::default() };
        open::of_files(name, &abi, &reading).unwrap()
    };
    policy::judge(&diff::compare(&side("old", old), &side("new", new)), &Options::default())
}

/// Compares two headers, in trees that have another header beside them.
fn judged([old, new]: [&str; 2], [elsewhere_old, elsewhere_new]: [&str; 2]) -> Report {
    let files = |body: &str, elsewhere: &str| {
        BTreeMap::from([
            ("include/linux/kho/abi/port.h", header(body)),
            ("include/linux/port.h", elsewhere.to_string()),
        ])
    };
    judged_trees([files(old, elsewhere_old), files(new, elsewhere_new)])
}

/// A struct with a field and what stands behind its body, under the string of the contract.
fn port(field: &str, behind: &str) -> String {
    format!("{STRING}struct port_ser {{\n\tu64 id;\n\t{field}\n}} {behind};\n")
}

#[test]
fn a_change_that_no_layout_shows_is_not_fine() {
    let plain = port("u8 a[4];", "__packed");
    let grown = port("u8 a[8];", "__packed");
    let chosen = "#ifdef CONFIG_PORT\n#define PORT_N 8\n#else\n#define PORT_N 4\n#endif\n";
    let with = |more: &str, body: &str| format!("{more}{body}");
    let numbered = |name: &str, body: &str| body.replace(STRING, name);
    let one_branch = format!(
        "#ifdef CONFIG_PORT\n{STRING}#else\n#define PORT_LUO_FH_COMPATIBLE \"port-v2\"\n#endif\n"
    );
    for (what, old, new) in [
        ("aligned", plain.clone(), port("u8 a[4];", "__packed ____cacheline_aligned")),
        ("unknown attribute", port("u8 a[4];", "__port"), port("u8 a[4];", "__other_port")),
        ("attribute gone", port("u8 a[4];", "__packed __port"), plain.clone()),
        (
            "option in a length",
            port("u8 a[IS_ENABLED(CONFIG_PORT) ? 8 : 4];", "__packed"),
            port("u8 a[IS_ENABLED(CONFIG_PORT) ? 16 : 4];", "__packed"),
        ),
        (
            "length that is chosen",
            with(chosen, &plain),
            with(chosen, &port("u8 a[PORT_N];", "__packed")),
        ),
        (
            "product of what is chosen",
            with(chosen, &port("u8 a[PORT_N * 4];", "__packed")),
            with(chosen, &port("u8 a[PORT_N * 8];", "__packed")),
        ),
        ("one branch is bumped", plain.clone(), grown.replace(STRING, &one_branch)),
        (
            "number beside a versioned string",
            plain.clone(),
            with("#define PORT_LUO_SEALS_VERSION 2\n", &grown),
        ),
        (
            "number that is gone",
            numbered("#define PORT_COMPATIBLE \"port\"\n#define PORT_VERSION 1\n", &plain),
            numbered("#define PORT_COMPATIBLE \"port\"\n", &grown),
        ),
        (
            "the same string, made of two",
            plain.clone(),
            numbered(
                "#define PORT_NR 1\n#define PORT_LUO_FH_COMPATIBLE \"port-v\" __stringify(PORT_NR)\n",
                &grown,
            ),
        ),
        (
            "new contract beside it",
            plain.clone(),
            with(
                "#define LANE_FLB_COMPATIBLE \"lane-v1\"\nstruct lane_ser { u64 a; } __packed;\n",
                &grown,
            ),
        ),
        ("bool", port("u8 a;", "__packed"), port("bool a;", "__packed")),
    ] {
        let report = judged([&old, &new], [""; 2]);
        assert!(report.findings() > 0, "{what}: {:?}", report.events);
        assert_eq!(judged([&old, &old], [""; 2]).findings(), 0, "{what}");
        // With another string, it is covered.
        let bumped = new.replace("-v1", "-v9").replace("-v2", "-v8");
        if !what.starts_with("number") && !what.starts_with("the same") {
            let report = judged([&old, &bumped], [""; 2]);
            assert_eq!(report.findings(), 0, "{what}: {:?}", report.events);
        }
    }
}

#[test]
fn a_change_in_another_header_is_not_fine() {
    let kind = |begin: &str, first: &str, behind: &str| {
        format!("{begin} {{ {first}PORT_DISK, PORT_TAPE }} {behind};\n")
    };
    let segment = |ty: &str| {
        format!("struct segment {{ u64 base; {ty} type; }};\nstruct regs {{ struct segment cs, ds; }};\n")
    };
    for (what, body, old, new) in [
        ("nested struct", port("struct regs regs;", "__packed"), segment("u32"), segment("u64")),
        (
            "two fields of it",
            port("struct segment cs, ds;", "__packed"),
            segment("u32"),
            segment("u64"),
        ),
        (
            "macro with arguments",
            port("u8 a[PORT_ROUND(5)];", "__packed"),
            "#define PORT_ROUND(n) (((n) + 7) & ~7)\n".into(),
            "#define PORT_ROUND(n) (((n) + 15) & ~15)\n".into(),
        ),
        (
            "condition",
            port("u8 a;\n#if PORT_MAX > 4\n\tu64 more;\n#endif", "__packed"),
            "#define PORT_MAX 4\n".into(),
            "#define PORT_MAX 8\n".into(),
        ),
        (
            "attribute",
            port("u8 a;", "__port_abi"),
            "#define __port_abi __packed\n".into(),
            "#define __port_abi __attribute__((aligned(16)))\n".into(),
        ),
        (
            "enumerators",
            port("enum port_kind kind;", "__packed"),
            kind("enum port_kind", "", ""),
            kind("enum port_kind", "PORT_NEW, ", ""),
        ),
        (
            "enumerators of elements",
            port("const enum port_kind kinds[2][2];", "__packed"),
            kind("enum port_kind", "", ""),
            kind("enum port_kind", "PORT_NEW, ", ""),
        ),
        (
            "enumerators of what is embedded",
            port("struct port_part part;", "__packed"),
            kind("enum port_kind", "", "") + "struct port_part { enum port_kind kind; };\n",
            kind("enum port_kind", "PORT_NEW, ", "")
                + "struct port_part { enum port_kind kind; };\n",
        ),
        (
            "enumerators by another name",
            port("port_kind_t kind;", "__packed"),
            kind("enum port_kind", "", "") + "typedef enum port_kind port_kind_t;\n",
            kind("enum port_kind", "PORT_NEW, ", "") + "typedef enum port_kind port_kind_t;\n",
        ),
        (
            "enumerators of a typedef",
            port("port_kind_t kind;", "__packed"),
            kind("typedef enum", "", "port_kind_t"),
            kind("typedef enum", "PORT_NEW, ", "port_kind_t"),
        ),
        (
            "size of an enum",
            port("enum port_kind kind;", "__packed"),
            kind("enum port_kind", "", ""),
            kind("enum port_kind", "", "__attribute__((packed))"),
        ),
        (
            "length in a struct that is not read",
            port("__int128 wide; u8 a[PORT_MAX];", "__packed"),
            "#define PORT_MAX 4\n".into(),
            "#define PORT_MAX 8\n".into(),
        ),
    ] {
        let report = judged([&body, &body], [&old, &new]);
        assert!(report.findings() > 0, "{what}: {:?}", report.events);
        assert_eq!(judged([&body, &body], [&old, &old]).findings(), 0, "{what}");
    }
}

/// Two headers declare one tag: it is unknown which of them a struct has.
#[test]
fn an_enum_that_two_headers_declare_is_not_that_of_the_first() {
    let tree = |first: &str, ty: &str| {
        let lane =
            header("#define LANE_COMPATIBLE \"lane-v1\"\nstruct lane_ser { struct inner b; };\n");
        let kind = |name: &str, first: &str, ty: &str| {
            format!("enum kind {{ {first} }};\nstruct {name} {{ enum kind kind; {ty} more; }};\n")
        };
        BTreeMap::from([
            ("include/linux/kho/abi/port.h", header(&port("struct outer a;", "__packed"))),
            ("include/linux/port.h", kind("outer", first, ty)),
            (
                "include/linux/kho/abi/lane.h",
                lane.replace("linux/port.h", "linux/lane.h").replace("_PORT_H", "_LANE_H"),
            ),
            ("include/linux/lane.h", kind("inner", "LANE_A, LANE_B", "u32")),
        ])
    };
    for (first, ty) in [("PORT_B, PORT_A", "u32"), ("PORT_A, PORT_B = 1ULL << 40", "u32")] {
        let report = judged_trees([tree("PORT_A, PORT_B", "u32"), tree(first, ty)]);
        assert!(report.findings() > 0, "{first}: {:?}", report.events);
    }
}

/// The same text on both sides proves nothing if it is not the whole text.
/// Of a definition that the configuration chooses, every one counts, and so does the condition.
#[test]
fn what_the_configuration_chooses_in_another_header_is_compared_whole() {
    let body = port("u8 a[PORT_N];", "__packed");
    let two = "#ifdef CONFIG_A\n#define PORT_N 4\n#else\n#define PORT_N 8\n#endif\n";
    let one = "#ifdef CONFIG_A\n#define PORT_N 4\n#endif\n";
    let deep = |numbers: &str| format!("#define PORT_N (PORT_M * 2)\n{numbers}");
    let through = |text: &str| deep(&text.replace("PORT_N", "PORT_M"));
    for (old, new) in [
        (two, two.replace('8', "9")),
        (two, two.replace('4', "5")),
        (two, two.replace("CONFIG_A", "CONFIG_B")),
        (two, two.replace("ifdef", "ifndef")),
        (one, one.replace("CONFIG_A", "CONFIG_B")),
        (one, two.into()),
    ] {
        for (old, new) in [(old.to_string(), new.clone()), (through(old), through(&new))] {
            let report = judged([&body, &body], [&old, &new]);
            assert!(report.findings() > 0, "{old}{new}: {report:?}");
            assert_eq!(judged([&body, &body], [&new, &new]).findings(), 0, "{new}");
        }
    }
}

#[test]
fn a_name_that_two_headers_define_is_not_that_of_the_first() {
    let abi = |name: &str, upper: &str| {
        format!(
            "#include <linux/types.h>\n#include <linux/{name}.h>\n\
             #define {upper}_COMPATIBLE \"{name}-v1\"\n\
             struct {name}_ser {{ u8 a[PORT_N]; struct port in; }} __packed;\n"
        )
    };
    let defines = |number: u64, field: &str| {
        format!("#define PORT_N {number}\nstruct port {{ {field} a; }};\n")
    };
    // Both headers' definitions are as near; or that of one is further away than that of the other.
    let near = |lane: &str| vec![("include/linux/lane.h", lane.to_string())];
    let far = |lane: &str| {
        let through = "#include <linux/far.h>\n".to_string();
        vec![("include/linux/lane.h", through), ("include/linux/far.h", lane.to_string())]
    };
    for place in [&near as &dyn Fn(&str) -> Vec<(&'static str, String)>, &far] {
        let files = |number: u64, field: &str| -> Files<'static> {
            let mut files = BTreeMap::from([
                ("include/linux/kho/abi/port.h", abi("port", "PORT")),
                ("include/linux/kho/abi/lane.h", abi("lane", "LANE")),
                ("include/linux/port.h", defines(4, "u32")),
            ]);
            files.extend(place(&defines(number, field)));
            files
        };
        let number = judged_trees([files(8, "u64"), files(9, "u64")]);
        let report = judged_trees([files(4, "u64"), files(4, "s64")]);
        for report in [number, report] {
            assert!(report.findings() > 0 || !report.not_checked.is_empty(), "{report:?}");
            let is_fine = |verdict| verdict == policy::Verdict::Unchanged;
            assert!(report.contracts.iter().any(|one| !is_fine(one.verdict)), "{report:?}");
            let whys: Vec<_> = report.not_checked.iter().map(|gap| &gap.why).collect();
            let said = whys.iter().any(|why| why.contains("in different ways"));
            assert!(said, "{whys:?}");
        }
        // Where both are the same, there is nothing to say.
        let report = judged_trees([files(4, "u32"), files(4, "u32")]);
        assert!(report.contracts.iter().all(|one| one.verdict == policy::Verdict::Unchanged));
        assert!(!report.not_checked.iter().any(|gap| gap.why.contains("in different ways")));
    }
}

/// Two headers have a macro of the same text, over another one of each.
#[test]
fn the_same_text_over_other_numbers_is_another_number() {
    let abi = |name: &str, upper: &str| {
        format!(
            "#include <linux/types.h>\n#include <linux/{name}.h>\n\
             #define {upper}_COMPATIBLE \"{name}-v1\"\n\
             struct {name}_ser {{ u8 a[PORT_N]; }} __packed;\n"
        )
    };
    let twice = "#define PORT_N (PORT_BASE * 2)\n";
    let own = |number: u64| vec![("", format!("#define PORT_BASE {number}\n{twice}"))];
    let below = |number: u64| {
        let base = format!("#define PORT_BASE {number}\n");
        vec![("", format!("#include <linux/base.h>\n{twice}")), ("base", base)]
    };
    for of_lane in [&own as &dyn Fn(u64) -> Vec<(&'static str, String)>, &below] {
        let files = |number: u64| -> Files<'static> {
            let mut files = BTreeMap::from([
                ("include/linux/kho/abi/port.h", abi("port", "PORT")),
                ("include/linux/kho/abi/lane.h", abi("lane", "LANE")),
                ("include/linux/port.h", format!("#define PORT_BASE 4\n{twice}")),
            ]);
            for (name, text) in of_lane(number) {
                let path =
                    if name.is_empty() { "include/linux/lane.h" } else { "include/linux/base.h" };
                files.insert(path, text);
            }
            files
        };
        let report = judged_trees([files(8), files(9)]);
        let is_fine = |verdict| verdict == policy::Verdict::Unchanged;
        assert!(report.contracts.iter().any(|one| !is_fine(one.verdict)), "{report:?}");
        let whys: Vec<_> = report.not_checked.iter().map(|gap| &gap.why).collect();
        assert!(whys.iter().any(|why| why.contains("PORT_N in different ways")), "{whys:?}");
        // Where both mean the same, there is nothing to say.
        let report = judged_trees([files(4), files(4)]);
        assert!(report.contracts.iter().all(|one| is_fine(one.verdict)), "{report:?}");
        assert_eq!(report.findings(), 0, "{:?}", report.events);
    }
}

/// Headers of a tree that are there, and are not read.
#[test]
fn what_an_unread_header_may_define_is_not_fine() {
    let abi = header(&port("u8 a[PORT_N];", "__packed"));
    let number = "#define PORT_N 4\n";
    let long = "/* A word. */\n".repeat(100_000);
    let include = |name: &str| format!("#include <linux/{name}.h>\n");
    let chain = |last: &str| {
        let mut files: Vec<(String, String)> =
            (0..20).map(|at| (format!("d{at}"), include(&format!("d{}", at + 1)))).collect();
        files.extend([("port".into(), include("d0")), ("d20".into(), last.to_string())]);
        files
    };
    let many = |count: usize, each: &str, last: &str| {
        let includes: String = (0..=count).map(|at| include(&format!("m{at:03}"))).collect();
        let mut files: Vec<_> =
            (0..count).map(|at| (format!("m{at:03}"), each.to_string())).collect();
        files.extend([("port".into(), includes), (format!("m{count:03}"), last.to_string())]);
        files
    };
    let sides = |files: Vec<(String, String)>| -> Files<'static> {
        let path = |name: String| &*format!("include/linux/{name}.h").leak();
        let files = files.into_iter().map(|(name, text)| (path(name), text));
        files.chain([("include/linux/kho/abi/port.h", abi.clone())]).collect()
    };
    let judged = |files: Vec<(String, String)>| judged_trees([sides(files.clone()), sides(files)]);
    let at_most = "0123456789abcdef".repeat(1 << 16);
    let at_most = format!("/*{}*/", &at_most[4..]);
    for (why, files) in [
        ("longer than 1 MiB", vec![("port".into(), format!("{number}{long}"))]),
        ("more than 12 others", chain(number)),
        ("more than 600 headers", many(700, "\n", number)),
        ("longer than 16 MiB", many(20, &at_most, &format!("{number}/*{}", &at_most[100..]))),
    ] {
        let report = judged(files);
        let of_it = |event: &&policy::Finding| event.rule == "not_compared";
        let said: Vec<_> = report.events.iter().filter(of_it).map(|event| &event.what).collect();
        let is_said = said.iter().any(|what| what.contains(why) && what.contains("PORT_N"));
        assert!(is_said, "{why}: {said:?}");
    }
    // Where all that is used is found, nothing is said of the rest.
    let mut files = chain("");
    files[20].1.push_str(number);
    let report = judged(files);
    assert_eq!(report.findings(), 0, "{:?}", report.events);
}

#[test]
fn a_body_that_includes_another_file_is_not_fine() {
    for body in [
        port("u8 a;\n#include <linux/port.h>", "__packed"),
        port("u8 a;\n#  include \"port-fields.h\"", "__packed"),
        port("struct part part;", "__packed")
            + "struct part {\n#include <linux/port.h>\n} __packed;\n",
        port("u8 a[PORT_N];", "__packed") + "enum {\n#include <linux/port.h>\n\tPORT_N };\n",
    ] {
        for new in ["u32 b;\n", "u64 b;\n"] {
            let report = judged([&body, &body], ["u32 b;\n", new]);
            assert!(report.findings() > 0, "{body}: {:?}", report.events);
        }
    }
    let segment = "struct segment {\n#include <linux/fields.h>\n};\n";
    let body = port("struct segment cs;", "__packed");
    assert!(judged([&body, &body], [segment; 2]).findings() > 0);
}

/// New values of an enum do not change the old ones, wherever the enum is declared.
#[test]
fn a_new_enumerator_of_another_header_is_what_one_of_the_same_header_is() {
    let body = port("enum port_kind kind;", "__packed");
    let [old, new] = ["enum port_kind { PORT_A };\n", "enum port_kind { PORT_A, PORT_B };\n"];
    let elsewhere = judged([&body, &body], [old, new]);
    let [old, new] = [old, new].map(|kind| format!("{kind}{body}"));
    let here = judged([&old, &new], [""; 2]);
    assert_eq!(elsewhere.findings(), here.findings(), "{:?} {:?}", elsewhere.events, here.events);
}

#[test]
fn another_spelling_of_the_same_bytes_is_fine() {
    let plain = port("char a[8];", "__packed");
    for (what, new) in [
        ("no bool", port("char a[8];\n\tu8 b;", "__packed")),
        ("attribute of a field", port("char a[8] __nonstring;", "__packed")),
        (
            "typedef",
            plain
                .replace("struct port_ser {", "typedef struct port_ser {")
                .replace("} __packed;", "} __packed port_ser_t;"),
        ),
    ] {
        let plain = if what == "no bool" { new.replace("u8 b", "bool b") } else { plain.clone() };
        let report = judged([&plain, &new], [""; 2]);
        assert_eq!(report.findings(), 0, "{what}: {:?}", report.events);
    }
}

/// A contract that keeps its string promised a struct that is another's now.
#[test]
fn a_struct_that_changes_as_it_moves_is_not_fine() {
    let both = |entry: &str, string: &str| {
        format!(
            "{STRING}{string}struct port_ser {{ u64 id; u64 entries; }} __packed;\n\
             struct entry_ser {{ {entry} }} __packed;\n"
        )
    };
    let old = both("u64 pfn;", "");
    let string = "#define ENTRY_COMPATIBLE \"entry-v1\"\n";
    assert!(judged([&old, &both("u32 flags; u64 pfn;", string)], [""; 2]).findings() > 0);
    let new = both("u32 flags; u64 pfn;", string).replace("port-v1", "port-v2");
    assert_eq!(judged([&old, &new], [""; 2]).findings(), 0);
}
