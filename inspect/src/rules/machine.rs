// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Everything that can be found wrong with a machine, as data.

super::declare_rules! {
    HANDOVER_OFF: "handover_off",
        "Kexec HandOver or the Live Update Orchestrator is off.",
        "Without both, nothing reaches the next kernel: a live update is a reboot.",
        "The kernel was booted without kho=on; or it found no room for its scratch memory, and turned itself off.",
        "Boot with kho=on and liveupdate=on, and look at the log where they are there.";
    HANDOVER_STATE_INVALID: "handover_state_invalid",
        "What was handed over, or is being prepared, is not of the form that it must have.",
        "The kernel ignores what it does not understand, and what is in it is lost.",
        "kexec-metadata has 1 byte, and its struct has 73; the device tree is cut off.",
        "Read the machine's memory with `kho-abi inspect`, and the log.";
    HANDOVER_STATE_NOT_TAKEN: "handover_state_not_taken",
        "A state was handed over to this kernel, and it did not take it.",
        "Sessions, files and memory that were preserved are gone, although the update looked like one.",
        "The boot protocol has KHO's data, and debugfs shows nothing incoming.",
        "Look at the log: often the versions differ. `kho-abi preflight` shows that before the next update.";
    LOG_REPORTS_PROBLEM: "log_reports_problem",
        "The kernel's log has a warning or an error of KHO or LUO.",
        "The kernel goes on without what it could not do, and says so nowhere else.",
        "KHO: Failed to reserve scratch memory.",
        "Look at the message and at those around it.";
    LUO_ENTRY_MISSING: "luo_entry_missing",
        "LUO is on, and is preparing nothing for the next kernel.",
        "Its entry in KHO's device tree is made when it starts. Without it no session is handed over.",
        "The directory of outgoing entries has memblock, and not LUO.",
        "Look at the log.";
    LUO_NODE_MISSING: "luo_node_missing",
        "LUO is on, and its device node is not there.",
        "User space cannot create a session or preserve a file.",
        "A container or an initramfs without devtmpfs.",
        "Mount devtmpfs on /dev, or make the node with the number in /sys/class/misc/liveupdate/dev.";
    LUO_WITHOUT_KHO: "luo_without_kho",
        "LUO is on, and KHO is not.",
        "Sessions can be made, and none of them reaches the next kernel.",
        "The kernel was booted with liveupdate=on and without kho=on.",
        "Do not live-update this machine; reboot it with both.";
    SCRATCH_MISSING: "scratch_missing",
        "No scratch memory is reserved.",
        "The next kernel allocates from scratch memory alone until it knows what is preserved: it could not start.",
        "All sizes in scratch_len are 0.",
        "Boot with kho_scratch=LOWMEM,GLOBAL,PERNODE, for example kho_scratch=16M,512M,256M.";
}
