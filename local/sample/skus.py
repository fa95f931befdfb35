"""The licences of the sample: Microsoft's own names and ids, and made-up prices."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SampleSku:
    """A SKU, and the PSA product that it is billed as.

    Attributes:
        price: Of a seat a month, in the PSA's catalogue; ``None`` for what nobody is billed for.
    """

    part_number: str
    sku_id: str
    name: str
    price: str | None


UNKNOWN_TO_MICROSOFTS_TABLE = "SAMPLE_FUTURE_SUITE"

_ALL = (
    SampleSku(
        "SPB", "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "Microsoft 365 Business Premium", "22.00"
    ),
    SampleSku(
        "O365_BUSINESS_PREMIUM",
        "f245ecc8-75af-4f8e-b61f-27d8114de5f3",
        "Microsoft 365 Business Standard",
        "12.50",
    ),
    SampleSku(
        "O365_BUSINESS_ESSENTIALS",
        "3b555118-da6a-4418-894f-7df1e2096870",
        "Microsoft 365 Business Basic",
        "6.00",
    ),
    SampleSku(
        "O365_BUSINESS",
        "cdd28e44-67e3-425e-be4c-737fab2899d3",
        "Microsoft 365 Apps for Business",
        "8.25",
    ),
    SampleSku(
        "Office_365_w/o_Teams_Bundle_Business_Premium",
        "a3f586b6-8cce-4d9b-99d6-55238397f77a",
        "Microsoft 365 Business Premium EEA (no Teams)",
        "19.00",
    ),
    SampleSku("SPE_E3", "05e9a617-0261-4cee-bb44-138d3ef5d965", "Microsoft 365 E3", "36.00"),
    SampleSku("SPE_E5", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "Microsoft 365 E5", "57.00"),
    SampleSku("SPE_F1", "66b55226-6b4f-492c-910c-a3b7a3c9d993", "Microsoft 365 F3", "8.00"),
    SampleSku("ENTERPRISEPACK", "6fd2c87f-b296-42f0-b197-1e91e994b900", "Office 365 E3", "23.00"),
    SampleSku(
        "ENTERPRISEPREMIUM", "c7df2760-2c81-4ef7-b578-5b5392b571df", "Office 365 E5", "38.00"
    ),
    SampleSku("STANDARDPACK", "18181a46-0d4e-45cd-891e-60aabd171b4e", "Office 365 E1", "10.00"),
    SampleSku("DESKLESSPACK", "4b585984-651b-448a-9e53-3b10f069cf7f", "Office 365 F3", "4.00"),
    SampleSku(
        "EXCHANGESTANDARD",
        "4b9405b0-7788-4568-add1-99614e613b69",
        "Exchange Online (Plan 1)",
        "4.00",
    ),
    SampleSku(
        "EXCHANGEENTERPRISE",
        "19ec0d23-8335-4cbd-94ac-6050e30712fa",
        "Exchange Online (Plan 2)",
        "8.00",
    ),
    SampleSku(
        "EXCHANGEDESKLESS", "80b2d799-d2ba-4d2a-8842-fb0d0f3a4b82", "Exchange Online Kiosk", "2.00"
    ),
    SampleSku(
        "EXCHANGEARCHIVE_ADDON",
        "ee02fd1b-340e-4a4b-b355-4a514e4c8943",
        "Exchange Online Archiving for Exchange Online",
        "3.00",
    ),
    SampleSku(
        "EMS", "efccb6f7-5641-4e0e-bd10-b4976e1bf68e", "Enterprise Mobility + Security E3", "10.60"
    ),
    SampleSku(
        "EMSPREMIUM",
        "b05e124f-c7cc-45a0-a6aa-8cf78c946968",
        "Enterprise Mobility + Security E5",
        "16.40",
    ),
    SampleSku("INTUNE_A", "061f9ace-7d42-4136-88ac-31dc755f143f", "Intune", "8.00"),
    SampleSku(
        "AAD_PREMIUM", "078d2b04-f1bd-4111-bbd4-b4b1b354cef4", "Microsoft Entra ID P1", "6.00"
    ),
    SampleSku(
        "AAD_PREMIUM_P2", "84a661c4-e949-4bd2-a560-ed7766fcaf2b", "Microsoft Entra ID P2", "9.00"
    ),
    SampleSku(
        "RIGHTSMANAGEMENT",
        "c52ea49f-fe5d-4e95-93ba-1de91d380f89",
        "Azure Information Protection Plan 1",
        "2.00",
    ),
    SampleSku(
        "ATP_ENTERPRISE",
        "4ef96642-f096-40de-a3e9-d83fb2f90211",
        "Microsoft Defender for Office 365 (Plan 1)",
        "2.00",
    ),
    SampleSku(
        "THREAT_INTELLIGENCE",
        "3dd6cf57-d688-4eed-ba52-9e40b5468c3e",
        "Microsoft Defender for Office 365 (Plan 2)",
        "5.00",
    ),
    SampleSku(
        "DEFENDER_ENDPOINT_P1",
        "16a55f2f-ff35-4cd5-9146-fb784e3761a5",
        "Microsoft Defender for Endpoint P1",
        "3.00",
    ),
    SampleSku(
        "OFFICESUBSCRIPTION",
        "c2273bd0-dff7-4215-9ef5-2c7bcfb06425",
        "Microsoft 365 Apps for Enterprise",
        "12.00",
    ),
    SampleSku("VISIOCLIENT", "c5928f49-12ba-48f7-ada3-0d743a3601d5", "Visio Plan 2", "15.00"),
    SampleSku(
        "PROJECTPROFESSIONAL",
        "53818b1b-4a27-454b-8896-0dba576410e6",
        "Planner and Project Plan 3",
        "30.00",
    ),
    SampleSku("PROJECT_P1", "beb6439c-caad-48d3-bf46-0c82871e12be", "Planner Plan 1", "10.00"),
    SampleSku("POWER_BI_PRO", "f8a1db68-be16-40ed-86d5-cb42ce701560", "Power BI Pro", "14.00"),
    SampleSku(
        "PBI_PREMIUM_PER_USER",
        "c1d032e0-5619-4761-9b5c-75b6831e1711",
        "Power BI Premium Per User",
        "24.00",
    ),
    SampleSku(
        "POWERAPPS_PER_USER", "b30411f5-fea1-4a59-9ad9-3db7c7ead579", "Power Apps Premium", "20.00"
    ),
    SampleSku(
        "FLOW_PER_USER",
        "4a51bf65-409c-4a91-b845-1121b571cc9d",
        "Power Automate per user plan",
        "15.00",
    ),
    SampleSku(
        "MCOEV", "e43b5b99-8dfb-405f-9987-dc307f34bcbd", "Microsoft Teams Phone Standard", "10.00"
    ),
    SampleSku(
        "MCOMEETADV",
        "0c266dff-15dd-4b49-8397-2bb16070ed52",
        "Microsoft 365 Audio Conferencing",
        "4.00",
    ),
    SampleSku(
        "Microsoft_Teams_Rooms_Pro",
        "4cde982a-ede4-4409-9ae6-b003453c8ea6",
        "Microsoft Teams Rooms Pro",
        "40.00",
    ),
    SampleSku(
        "Microsoft_365_Copilot",
        "639dec6b-bb19-468b-871c-c5c441c4b0cb",
        "Microsoft Copilot for Microsoft 365",
        "30.00",
    ),
    SampleSku(
        "WIN10_VDA_E3",
        "6a0f6da5-0b87-4190-a6ae-9bb5a2b9546a",
        "Windows 10/11 Enterprise E3",
        "7.00",
    ),
    SampleSku(
        "CPC_B_2C_8RAM_128GB",
        "71f21848-f89b-4aaa-a2dc-780c8e8aac5b",
        "Windows 365 Business 2 vCPU 8 GB 128 GB",
        "45.00",
    ),
    SampleSku(
        "SHAREPOINTSTORAGE",
        "99049c9c-6011-4908-bf17-15f496e6519d",
        "Office 365 Extra File Storage",
        "0.20",
    ),
    SampleSku(
        "POWER_BI_STANDARD", "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235", "Microsoft Fabric (Free)", None
    ),
    SampleSku(
        "FLOW_FREE", "f30db892-07e9-47e9-837c-80727f46fd3d", "Microsoft Power Automate Free", None
    ),
    SampleSku(
        "WINDOWS_STORE", "6470687e-a428-4b7a-bef2-8a291ad947c9", "Windows Store for Business", None
    ),
    SampleSku(
        UNKNOWN_TO_MICROSOFTS_TABLE,
        "5eed0000-0000-4000-8000-0000000f0001",
        "Sample Future Suite",
        "11.00",
    ),
)

SKUS = {sku.part_number: sku for sku in _ALL}
"""By part number."""
