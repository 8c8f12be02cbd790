// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Everything that can be found wrong with a machine, as data.

super::declare_rules! {
    HANDOVER_OFF: "handover_off",
        "Kexec HandOver or the Live Update Orchestrator is off.",
        "Without both, nothing reaches the next kernel: a live update is a reboot.",
        "The kernel was booted without kho=on, or it found no room for its scratch memory and turned KHO off.",
        "Boot with kho=on and liveupdate=on. If both are set, read the log: `journalctl -b -k --grep 'KHO|LUO|liveupdate'`.";
    HANDOVER_STATE_INVALID: "handover_state_invalid",
        "The state that was handed over, or is being prepared, is malformed.",
        "The kernel ignores what it does not understand, and everything in it is lost.",
        "kexec-metadata has 1 byte instead of 73, or the device tree is cut off.",
        "Do not live-update this machine. Read its memory with `kho-abi inspect /proc/kcore`, and the log with `journalctl -b -k --grep 'KHO|LUO|liveupdate'`. Send both, with `kho-abi status --format json`, to the kernel's vendor.";
    HANDOVER_STATE_NOT_TAKEN: "handover_state_not_taken",
        "A state was handed over to this kernel, but the kernel did not take it over.",
        "The preserved sessions, files and memory are gone, although the update seemed to work.",
        "The boot protocol has KHO's data, but debugfs shows nothing incoming.",
        "Read the log: `journalctl -b -k --grep 'KHO|LUO|liveupdate'`. Often the versions differ: before the next update, ask `kho-abi preflight`. If they do not, send the log and `kho-abi status --format json` to the kernel's vendor.";
    LOG_REPORTS_PROBLEM: "log_reports_problem",
        "The kernel's log has a warning or an error from KHO or LUO.",
        "The kernel goes on without what failed, and reports it nowhere else.",
        "KHO: Failed to reserve scratch memory.",
        "Read the message and those around it: `journalctl -b -k`. If they do not say what to do, send them and `kho-abi status --format json` to the kernel's vendor.";
    LUO_ENTRY_MISSING: "luo_entry_missing",
        "LUO is on, but prepares nothing for the next kernel.",
        "LUO makes its entry in KHO's device tree when it starts. Without the entry, no session is handed over.",
        "The directory of outgoing entries has memblock, but not LUO.",
        "Do not live-update this machine. Read the log: `journalctl -b -k --grep 'KHO|LUO|liveupdate'`.";
    LUO_NODE_MISSING: "luo_node_missing",
        "LUO is on, but its device node is missing.",
        "User space cannot create a session or preserve a file.",
        "The machine is a container, or an initramfs without devtmpfs.",
        "Mount devtmpfs on /dev, or make the node with the number in /sys/class/misc/liveupdate/dev.";
    LUO_WITHOUT_KHO: "luo_without_kho",
        "LUO is on, but KHO is off.",
        "Sessions can be created, but none of them reaches the next kernel.",
        "The kernel was booted with liveupdate=on, but without kho=on.",
        "Do not live-update this machine. Reboot it with kho=on and liveupdate=on.";
    SCRATCH_MISSING: "scratch_missing",
        "No scratch memory is reserved.",
        "Until the next kernel knows what is preserved, it allocates only from scratch memory. Without any, it cannot start.",
        "All sizes in scratch_len are 0.",
        "Do not live-update this machine. Boot it with kho_scratch=LOWMEM,GLOBAL,PERNODE, for example kho_scratch=16M,512M,256M.";
}
