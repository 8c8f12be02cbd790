// SPDX-License-Identifier: GPL-2.0
//! Hands a vfio-pci device to this same program in the next kernel.
//!
//! ```text
//! first kernel    preserve-device preserve 0000:00:04.0 --session demo --token 7
//!                 kexec into the next kernel while the program runs, which keeps the session alive
//! next kernel     preserve-device retrieve --session demo --token 7
//! ```
//!
//! In both kernels, load the handler module and bind the device to vfio-pci before the program
//! starts.

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use kho_abi_live_uapi::iommufd::Iommufd;
use kho_abi_live_uapi::liveupdate::LiveUpdate;
use kho_abi_live_uapi::pci::PciFunction;
use kho_abi_live_uapi::vfio::VfioDevice;

const USAGE: &str = "usage: preserve-device preserve ADDRESS --session NAME --token NUMBER
       preserve-device retrieve --session NAME --token NUMBER";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["preserve", address, "--session", session, "--token", token] => {
            preserve(address, session, token)
        }
        ["retrieve", "--session", session, "--token", token] => retrieve(session, token),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("preserve-device: {error}");
            ExitCode::FAILURE
        }
    }
}

fn preserve(address: &str, session: &str, token: &str) -> Result<(), Box<dyn Error>> {
    let address: PciFunction = address.parse()?;
    let device = VfioDevice::open_cdev(address)?;
    // A device file from a cdev is usable once it is bound to an iommufd and attached to an address
    // space.
    let iommufd = Iommufd::open()?;
    device.bind_iommufd(&iommufd)?;
    device.attach(iommufd.allocate_address_space()?)?;

    let live_update = LiveUpdate::open()?;
    let kept = live_update.create_session(session)?;
    kept.preserve(&device, token.parse()?)?;
    println!("preserved {address} in session {session}");

    // Closing the session would give up the device. Interrupts must be off for the live update,
    // which is refused otherwise. This program never turned them on; one that uses them turns them
    // off here.
    loop {
        thread::park();
    }
}

fn retrieve(session: &str, token: &str) -> Result<(), Box<dyn Error>> {
    let live_update = LiveUpdate::open()?;
    let handed_over = live_update.retrieve_session(session)?;
    let device = VfioDevice::from(handed_over.retrieve(token.parse()?)?);

    // The file is a new one: its bindings stayed behind in the previous kernel.
    let iommufd = Iommufd::open()?;
    device.bind_iommufd(&iommufd)?;
    device.attach(iommufd.allocate_address_space()?)?;

    // Everything is retrieved, so the kernel may release the preserved page. The file stays usable.
    handed_over.finish()?;
    println!("retrieved {:04x}:{:04x}", device.config_u16(0)?, device.config_u16(2)?);
    Ok(())
}
