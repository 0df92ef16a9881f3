"""The standard objects for people and companies: Account, Contact, Lead, Opportunity, User, RecordType and Organization.

The field lists are those a sync maps in practice. Which component belongs to which compound, and what can be written, follows the
object reference; OwnerId and audit fields are given by the org itself.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.emulator.schema.build import (
    address,
    area,
    choice,
    create_only,
    day,
    email,
    flag,
    moment,
    money,
    number,
    owner,
    percent,
    person_name,
    phone,
    quiet,
    read_only,
    reference,
    system_head,
    system_tail,
    text,
    url,
    whole,
)
from adapters.emulator.schema.field import Field
from adapters.emulator.schema.sobject import SObject

_INDUSTRIES = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction", "Consulting",
    "Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance", "Food & Beverage",
    "Government", "Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media", "Not For Profit",
    "Other", "Recreation", "Retail", "Shipping", "Technology", "Telecommunications", "Transportation", "Utilities",
)  # fmt: skip
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_RATINGS = ("Hot", "Warm", "Cold")
_STAGES = (
    "Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers", "Perception Analysis",
    "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
)  # fmt: skip
_LEAD_STATUSES = (
    "Open - Not Contacted",
    "Working - Contacted",
    "Closed - Converted",
    "Closed - Not Converted",
)


def _named(item: Field) -> Field:
    return replace(item, name_field=True)


def _activity() -> Field:
    return quiet(read_only(day("LastActivityDate")))


def _master_record(target: str) -> Field:
    return quiet(read_only(reference("MasterRecordId", target)))


ACCOUNT = SObject(
    name="Account", label="Account", label_plural="Accounts", key_prefix="001", mergeable=True,
    fields=(
        *system_head(),
        _master_record("Account"),
        _named(text("Name", 255, required=True)),
        choice("Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller",
                        "Installation Partner", "Technology Partner", "Other")),
        reference("ParentId", "Account", children="ChildAccounts"),
        *address("Billing"),
        *address("Shipping"),
        phone("Phone"), phone("Fax"), text("AccountNumber", 40), url("Website"), quiet(read_only(url("PhotoUrl"))),
        text("Sic", 20), choice("Industry", _INDUSTRIES), money("AnnualRevenue", 18, 0), whole("NumberOfEmployees"),
        choice("Ownership", ("Public", "Private", "Subsidiary", "Other")), text("TickerSymbol", 20),
        area("Description"), choice("Rating", _RATINGS), text("Site", 80), owner(),
        *system_tail(),
        _activity(), choice("AccountSource", _SOURCES),
    ),
)  # fmt: skip

CONTACT = SObject(
    name="Contact", label="Contact", label_plural="Contacts", key_prefix="003", mergeable=True,
    fields=(
        *system_head(),
        _master_record("Contact"),
        reference("AccountId", "Account", children="Contacts", cascade=True),
        *person_name(),
        *address("Other"),
        *address("Mailing"),
        phone("Phone"), phone("Fax"), phone("MobilePhone"), phone("HomePhone"), phone("OtherPhone"),
        phone("AssistantPhone"), reference("ReportsToId", "Contact"), email("Email"), text("Title", 128),
        text("Department", 80), text("AssistantName", 40), choice("LeadSource", _SOURCES), day("Birthdate"),
        area("Description"), owner(), flag("HasOptedOutOfEmail"), flag("HasOptedOutOfFax"), flag("DoNotCall"),
        *system_tail(),
        _activity(), text("EmailBouncedReason"), moment("EmailBouncedDate"),
    ),
)  # fmt: skip

LEAD = SObject(
    name="Lead", label="Lead", label_plural="Leads", key_prefix="00Q", mergeable=True, assigned=True,
    fields=(
        *system_head(),
        _master_record("Lead"),
        *person_name(),
        text("Title", 128), text("Company", 255, required=True),
        *address(""),
        phone("Phone"), phone("MobilePhone"), phone("Fax"), email("Email"), url("Website"), area("Description"),
        choice("LeadSource", _SOURCES), choice("Status", _LEAD_STATUSES, default=_LEAD_STATUSES[0], required=True),
        choice("Industry", _INDUSTRIES), choice("Rating", _RATINGS), money("AnnualRevenue", 18, 0),
        whole("NumberOfEmployees"), owner(), flag("HasOptedOutOfEmail"), flag("DoNotCall"),
        read_only(flag("IsConverted")), read_only(day("ConvertedDate")),
        read_only(reference("ConvertedAccountId", "Account")), read_only(reference("ConvertedContactId", "Contact")),
        read_only(reference("ConvertedOpportunityId", "Opportunity")), flag("IsUnreadByOwner", default=True),
        *system_tail(),
        _activity(),
    ),
)  # fmt: skip

OPPORTUNITY = SObject(
    name="Opportunity", label="Opportunity", label_plural="Opportunities", key_prefix="006",
    fields=(
        *system_head(),
        reference("AccountId", "Account", children="Opportunities", cascade=True),
        flag("IsPrivate"), _named(text("Name", 120, required=True)), area("Description"),
        choice("StageName", _STAGES, required=True), money("Amount", 18, 2), percent("Probability", 3, 0),
        number("TotalOpportunityQuantity", 18, 2), day("CloseDate", required=True),
        choice("Type", ("Existing Customer - Upgrade", "Existing Customer - Replacement",
                        "Existing Customer - Downgrade", "New Customer")),
        text("NextStep"), choice("LeadSource", _SOURCES), read_only(flag("IsClosed")), read_only(flag("IsWon")),
        choice("ForecastCategoryName", ("Omitted", "Pipeline", "Best Case", "Commit", "Closed")),
        reference("CampaignId", "Campaign", children="Opportunities"), owner(), reference("ContactId", "Contact"),
        *system_tail(),
        _activity(),
    ),
)  # fmt: skip

OPPORTUNITY_CONTACT_ROLE = SObject(
    name="OpportunityContactRole", label="Opportunity Contact Role", label_plural="Opportunity Contact Roles",
    key_prefix="00K", hard_delete=True,
    fields=(
        *system_head(),
        create_only(reference("OpportunityId", "Opportunity", children="OpportunityContactRoles", required=True,
                              cascade=True)),
        reference("ContactId", "Contact", children="OpportunityContactRoles", required=True, cascade=True),
        choice("Role", ("Business User", "Decision Maker", "Economic Buyer", "Evaluator", "Influencer", "Other")),
        quiet(flag("IsPrimary")),
        *system_tail(),
    ),
)  # fmt: skip

USER = SObject(
    name="User", label="User", label_plural="Users", key_prefix="005", deletable=False,
    fields=(
        *system_head()[:1],
        replace(text("Username", 80, required=True), unique=True),
        *person_name(),
        text("CompanyName", 80), text("Division", 80), text("Department", 80), text("Title", 80),
        *address(""),
        replace(email("Email"), nillable=False, length=128), phone("Phone"), phone("MobilePhone"),
        text("Alias", 8, required=True), flag("IsActive", default=True), reference("ManagerId", "User"),
        choice("UserType", ("Standard", "PowerPartner", "Guest"), default="Standard"),
        choice("TimeZoneSidKey", ("GMT", "America/Los_Angeles", "Europe/Berlin"), default="GMT"),
        choice("LocaleSidKey", ("en_US", "en_GB", "de_DE"), default="en_US"),
        choice("LanguageLocaleKey", ("en_US", "de"), default="en_US"),
        reference("ProfileId", "Profile"), text("FederationIdentifier", 512),
        *system_tail(),
    ),
)  # fmt: skip

ORGANIZATION = SObject(
    name="Organization", label="Organization", label_plural="Organizations", key_prefix="00D", change_events=False,
    createable=False, updateable=False, deletable=False,
    fields=(
        *system_head()[:1],
        _named(text("Name", 80, required=True)),
        text("OrganizationType"), flag("IsSandbox"), text("InstanceName", 5), text("NamespacePrefix", 15),
        text("TimeZoneSidKey", 40), text("DefaultLocaleSidKey", 40), text("LanguageLocaleKey", 40),
        *system_tail(),
    ),
)  # fmt: skip

PROFILE = SObject(
    name="Profile", label="Profile", label_plural="Profiles", key_prefix="00e", change_events=False,
    createable=False, updateable=False, deletable=False,
    fields=(*system_head()[:1], _named(text("Name", 255, required=True)), text("Description"), *system_tail()),
)  # fmt: skip

RECORD_TYPE = SObject(
    name="RecordType", label="Record Type", label_plural="Record Types", key_prefix="012", change_events=False,
    createable=False, updateable=False, deletable=False,
    fields=(
        *system_head()[:1],
        _named(text("Name", 80, required=True)), text("DeveloperName", 80, required=True),
        text("SobjectType", 40, required=True), text("Description"), flag("IsActive", default=True),
        flag("IsPersonType"),
        *system_tail(),
    ),
)  # fmt: skip
